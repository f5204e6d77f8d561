"""A scheduler, or a worker, in a process of its own: ``scheduler PORT`` or ``worker ADDRESS [blocked]``.

*blocked* is an environment without nbreplay.
"""

import asyncio
import sys

if "blocked" in sys.argv:

    class Block:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "nbreplay":
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    sys.meta_path.insert(0, Block())

from distributed import Scheduler, Worker


async def main():
    if sys.argv[1] == "scheduler":
        node = await Scheduler(port=int(sys.argv[2]), dashboard=False, dashboard_address=None, host="127.0.0.1")
    else:
        node = await Worker(sys.argv[2], nthreads=1, host="127.0.0.1", dashboard=False, name=f"w{id(sys.argv)}")
    print("READY", node.address, flush=True)
    await node.finished()


asyncio.run(main())
