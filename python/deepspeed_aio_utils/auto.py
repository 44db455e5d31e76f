"""Switches the libraries on when it is imported: `import deepspeed_aio_utils.auto`.

Import it before DeepSpeed. Raises deepspeed_aio_utils.ActivationError if that is not possible.
"""

from . import activate, active

# With whatever settings it was switched on before.
if active() is None:
    activate()
