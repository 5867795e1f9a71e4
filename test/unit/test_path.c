/* What is a path and a connect string, and what is not. */
#include <string.h>

#include "lib/testing.h"
#include "path.h"

static void good_paths(void)
{
    static const char *const paths[] = {"/a",       "/a/b",    "/a.b/..c", "/...",
                                        "/with sp", "/\xc3\xa4", "/zookeeper/x", "/\xef\xa4\x80"};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        CU_ASSERT_TRUE(corrali_path_valid(paths[i]));
    }
}

static void bad_paths(void)
{
    static const char *const paths[] = {
        "",         "/",          "a",          "a/b",          "//",           "/a/",
        "//a",      "/a//b",      "/.",         "/..",          "/a/./b",       "/a/../b",
        "/a/..",    "/a\x01",     "/a\nb",      "/a\x7f",       "/\xc3",        "/\xc3(",
        "/\xff",    "/\xc0\xaf",  "/\xe0\x80\xaf", "/\xed\xa0\x80", "/\xef\xbf\xbf", "/\xc2\x85",
        "/\xf0\x9f\x90\x91", "/\xf4\x90\x80\x80", "/\xee\x80\x80"};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        CU_ASSERT_FALSE(corrali_path_valid(paths[i]));
    }
}

static void path_length_is_bounded(void)
{
    char path[CORRALI_PATH_MAX + 2];

    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[CORRALI_PATH_MAX] = '\0';
    CU_ASSERT_TRUE(corrali_path_valid(path));
    path[CORRALI_PATH_MAX] = 'x';
    path[CORRALI_PATH_MAX + 1] = '\0';
    CU_ASSERT_FALSE(corrali_path_valid(path));
}

static void prefixes(void)
{
    CU_ASSERT_EQUAL(corrali_path_prefix("/a/bc/d", 0), 0);
    CU_ASSERT_EQUAL(corrali_path_prefix("/a/bc/d", 1), 2);
    CU_ASSERT_EQUAL(corrali_path_prefix("/a/bc/d", 2), 5);
    CU_ASSERT_EQUAL(corrali_path_prefix("/a/bc/d", 3), 7);
    CU_ASSERT_EQUAL(corrali_path_prefix("/a/bc/d", 4), 0);
}

static void good_connect_strings(void)
{
    static const struct {
        const char *servers;
        const char *chroot;
    } cases[] = {{"a:1", ""},
                 {"127.0.0.1:2181,b:65535", ""},
                 {"a:1/", "/"},
                 {"a:1,b:2/x/y", "/x/y"},
                 {"[::1]:2181", ""},
                 {"[fe80::1]:2181,h:3/c", "/c"}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *chroot = NULL;

        CU_ASSERT_TRUE(corrali_servers_valid(cases[i].servers, &chroot));
        CU_ASSERT_STRING_EQUAL(chroot, cases[i].chroot);
    }
}

static void bad_connect_strings(void)
{
    static const char *const cases[] = {"",     "a",        ":1",       "a:",        "a:0",     "a:65536",
                                        "a:x",  "a:1x",     "a:-1",     "a:+1",      "a:01",    "a:1,",
                                        ",a:1", "a:1,,b:2", "a:1//",    "a:1/x/",    "a:1/x//y", "a:1/../x",
                                        "/x",   "a b:1",    "::1:2181", "[::1:2181", "a:1 ,b:2", "[]:1",
                                        "][:1", "a]:1", "[::1]]:1", "[[::1]:1", "[:]:]:1",
                                        "\xc3\xa4:1"};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *chroot = "untouched";

        CU_ASSERT_FALSE(corrali_servers_valid(cases[i], &chroot));
        CU_ASSERT_STRING_EQUAL(chroot, "untouched");
    }
}

static CU_TestInfo tests[] = {
    {"good paths", good_paths},
    {"bad paths", bad_paths},
    {"path length is bounded", path_length_is_bounded},
    {"prefixes", prefixes},
    {"good connect strings", good_connect_strings},
    {"bad connect strings", bad_connect_strings},
    CU_TEST_INFO_NULL,
};

static const CU_SuiteInfo suites[] = {
    {"path", NULL, NULL, NULL, NULL, tests},
    CU_SUITE_INFO_NULL,
};

int main(int argc, char **argv)
{
    return testing_run(argc, argv, suites);
}
