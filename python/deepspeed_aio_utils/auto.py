"""Switches the library on when it is imported: `import deepspeed_aio_utils.auto`.

To be imported before DeepSpeed. Raises deepspeed_aio_utils.ActivationError where it cannot be done.
"""

from . import activate

activate()
