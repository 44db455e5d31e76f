// Compiles wherever libaio's header is installed.
#include <libaio.h>

struct iocb has_libaio;
