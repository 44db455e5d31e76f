#!/bin/sh
# without_aslr.sh PROGRAM [ARGUMENT...]
#
# ThreadSanitizers of before 2024 do not start where the kernel moves programs far about. A container may
# forbid to turn that off; then it has to do without.
setarch -R true 2> /dev/null && exec setarch -R "$@"
exec "$@"
