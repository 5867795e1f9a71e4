/** Paths of znodes. The input is one. */
#include <locale.h>
#include <wchar.h>

#include "fuzz.h"
#include "path.h"

/** Would a server take that character of a path? ZooKeeper's PathUtils.validatePath() tells. */
static bool character_good(wchar_t c)
{
    return c > 0x1f && !(c >= 0x7f && c <= 0x9f) && !(c >= 0xd800 && c <= 0xf8ff) && c < 0xfff0;
}

/** What a valid path is, told in another way: by way of the C library's UTF-8. */
static bool expected(const char *path)
{
    static wchar_t wide[CORRALI_PATH_MAX + 1];
    if (strlen(path) > CORRALI_PATH_MAX || mbstowcs(wide, path, CORRALI_PATH_MAX + 1) == (size_t)-1) {
        return false;
    }
    for (const wchar_t *c = wide; *c != L'\0'; c++) {
        if (!character_good(*c)) {
            return false;
        }
    }
    size_t last = wcslen(wide);
    bool parts_good =
        wcsstr(wide, L"//") == NULL && wcsstr(wide, L"/./") == NULL && wcsstr(wide, L"/../") == NULL;
    bool end_good = last > 1 && wide[last - 1] != L'/' && wcscmp(wide + last - 2, L"/.") != 0 &&
                    (last < 3 || wcscmp(wide + last - 3, L"/..") != 0);
    return wide[0] == L'/' && parts_good && end_good;
}

/** The prefixes of a valid path are valid paths, each one component longer, up to the path itself. */
static void check_prefixes(const char *path)
{
    size_t before = corrali_path_prefix(path, 0);
    size_t count = 1;
    FUZZ_CHECK(before == 0);
    while (path[before] != '\0') {
        size_t length = corrali_path_prefix(path, count++);
        FUZZ_CHECK(length > before + 1 && length <= strlen(path));
        char *prefix = fuzz_string((const uint8_t *)path, length);
        FUZZ_CHECK(corrali_path_valid(prefix));
        FUZZ_CHECK(strrchr(prefix, '/') == prefix + before);
        free(prefix);
        before = length;
    }
    FUZZ_CHECK(corrali_path_prefix(path, count) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *locale;
    if (locale == NULL) {
        locale = setlocale(LC_CTYPE, "C.UTF-8");
        FUZZ_CHECK(locale != NULL);
    }
    char *path = fuzz_string(data, size);
    bool valid = corrali_path_valid(path);
    FUZZ_CHECK(valid == expected(path));
    if (valid) {
        check_prefixes(path);
    }
    free(path);
    return 0;
}
