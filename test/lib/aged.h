/**
 * A server's znodes as years of use would make them: put into its data while
 * it is at rest.
 */
#ifndef TEST_AGED_H
#define TEST_AGED_H

#include <stddef.h>

enum { AGED_CHANGE_SIZE = 300 };

/**
 * Stop the server, make @changes, and start it again. A change is
 * "PATH=VERSION", or "PATH/=NUMBER" of how many children were ever made there.
 */
void aged_make(char changes[][AGED_CHANGE_SIZE], size_t count);

#endif
