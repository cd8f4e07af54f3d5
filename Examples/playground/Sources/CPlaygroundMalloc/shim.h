// The settings of glibc's allocator, which Swift's Glibc module leaves out; of other systems unused, or empty.
#if defined(__linux__)
#include <malloc.h>
#endif
