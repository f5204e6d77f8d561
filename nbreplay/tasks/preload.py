"""What distributed calls in every new Client (``distributed.client.preload``): gives it the cache of this process, if
any.
"""

from __future__ import annotations

import logging
from typing import Any

logger = logging.getLogger(__name__)

WORKER = '''
def dask_setup(worker):
    """Ctrl-C in a notebook is for the kernel, not for its worker processes."""
    import importlib.util, multiprocessing, signal, threading
    import dask
    if importlib.util.find_spec("nbreplay") is None:
        # This process has inherited the notebook's settings; a client of a task must not look for us here.
        known = dask.config.get("distributed.client.preload", None) or []
        known = [known] if isinstance(known, str) else known
        dask.config.set({"distributed.client.preload": [name for name in known if not name.startswith("nbreplay")]})
    if multiprocessing.parent_process() is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
'''
"""Text of a preload for worker processes; it needs nothing that may not be there. Threads of a kernel are left alone.
"""


async def dask_setup(client: Any) -> None:
    """Called on the client's loop while it starts; the client waits. An exception here is logged by distributed."""
    from nbreplay.tasks import current

    cache = current()
    if cache is None or "worker" in str(client.id).split("-")[:2]:
        return
    await cache.attach(client)
