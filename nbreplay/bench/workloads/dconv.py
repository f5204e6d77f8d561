"""DConv: a convolution of an image by tiles, 1,024 tasks without a tree; many tiles are equal."""

from __future__ import annotations

from nbreplay.bench.model import Change, Ideal, Parameters, Tasks, Workload
from nbreplay.share.edits import Edit

SOURCE = '''
# %%
import numpy as np
from dask.distributed import Client, LocalCluster

TILES = @tiles@
TILE = @tile@
EDGE = TILE * 3 // 4
BLANK = @blank@
SEED = @seed@

# %%
def apply_convolution(tile, kernel):
    size = kernel.shape[0]
    padded = np.pad(tile.astype(np.float64), size // 2, mode="reflect")
    columns = np.lib.stride_tricks.sliding_window_view(padded, (size, size)).reshape(-1, size * size)
    product = columns @ kernel.ravel()
    # back to bytes
    return np.clip(product, 0, 255).reshape(tile.shape).astype(np.uint8)

# %%
def widen(core, size=@kernel@):
    """A kernel of *size*, with the small one in its middle."""
    kernel = np.zeros((size, size))
    start = size // 2 - 1
    kernel[start : start + 3, start : start + 3] = core
    return kernel


distance = np.hypot(*np.mgrid[-(@kernel@ // 2) : @kernel@ // 2 + 1, -(@kernel@ // 2) : @kernel@ // 2 + 1])
bell = np.exp(-((distance / 2.0) ** 2) / 2)
KERNELS = {
    "sharpen": widen([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "gaussian": bell / bell.sum(),
    "sobel": widen([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
}
kernel = KERNELS["sharpen"].copy()

# %%
side = TILE * (TILES - 1) + EDGE
image = np.random.default_rng(SEED).integers(10, 240, (side, side), dtype=np.uint8)
for i in range(BLANK):
    row, column = divmod(i, TILES - 1)
    image[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE] = 0
image[0:0, 0:0] //= 2
tiles = [image[r : r + TILE, c : c + TILE].copy() for r in range(0, side, TILE) for c in range(0, side, TILE)]

# %%
client = @cluster@

# %%
futures = []
for start in range(0, len(tiles), 256):
    futures += client.map(apply_convolution, tiles[start : start + 256], kernel=kernel, pure=False)

# %%
done = client.gather(futures)

# %%
result = np.block([done[row * TILES : (row + 1) * TILES] for row in range(TILES)])

# %%
np.save("convolved.npy", result)

# %%
print(result.shape, f"mean {result.mean():.3f}, deviation {result.std():.3f}")
'''


def changes(p: Parameters) -> tuple[Change, ...]:
    """Return the edits of the notebook and what they must run."""
    count = p["tiles"] ** 2
    distinct = count - p["blank"] + 1
    last = p["tiles"] - 1
    everything = {"apply_convolution": Tasks(executed=distinct, hit=count - distinct)}
    return (
        Change(
            name="gaussian",
            edits=(Edit(cell=3, old='kernel = KERNELS["sharpen"]', new='kernel = KERNELS["gaussian"]'),),
            cells=(3, 6, 7, 8, 9, 10),
            tasks=everything,
            trap="equal tasks in flight are computed once",
        ),
        Change(
            name="paint-9-tiles",
            edits=(
                Edit(
                    cell=4,
                    old="image[0:0, 0:0] //= 2",
                    new=f"image[{last - 3} * TILE : {last} * TILE, {last - 3} * TILE : {last} * TILE] //= 2",
                ),
            ),
            cells=(4, 6, 7, 8, 9, 10),
            tasks={"apply_convolution": Tasks(executed=9, hit=count - 9)},
            trap="the content of arguments, not keys",
        ),
        Change(
            name="clipping",
            edits=(Edit(cell=2, old="np.clip(product, 0, 255)", new="np.clip(product, 16, 235)"),),
            cells=(2, 6, 7, 8, 9, 10),
            tasks=everything,
            trap="the published code returns the old result here",
        ),
        Change(
            name="kernel-not-selected",
            edits=(
                Edit(
                    cell=3,
                    old='    "sobel": ',
                    new='    "blur": np.full((@kernel@, @kernel@), 1 / @kernel@**2),\n    "sobel": ',
                ),
            ),
            cells=(3,),
            trap="the cell of the tasks reads `kernel` only",
        ),
        Change(
            name="statistics",
            edits=(Edit(cell=10, old="deviation {result.std():.3f}", new="median {np.median(result):.1f}"),),
            cells=(10,),
        ),
        Change(
            name="comment",
            edits=(Edit(cell=2, old="# back to bytes", new="# to bytes again"),),
            trap="the futures of cell 6 need no cluster",
        ),
    )


WORKLOAD = Workload(
    name="dconv",
    title="DConv",
    source=SOURCE,
    sizes={
        "smoke": {"tiles": 6, "tile": 16, "kernel": 5, "blank": 12},
        "small": {"tiles": 16, "tile": 64, "kernel": 9, "blank": 96},
        "medium": {"tiles": 32, "tile": 128, "kernel": 9, "blank": 396},
        "large": {"tiles": 32, "tile": 512, "kernel": 9, "blank": 396},
    },
    changes=changes,
    tasks=lambda p: {"apply_convolution": p["tiles"] ** 2},
    ideal=Ideal(
        change="gaussian",
        before=(1, 2, 3, 4),
        timed=(
            5,
            3,
            "futures, first = [], BLANK - 1\n"
            "blank = [divmod(i, TILES - 1) for i in range(BLANK)]\n"
            "blank = {row * TILES + column for row, column in blank[1:]}\n"
            "distinct = [i for i in range(len(tiles)) if i not in blank]\n"
            "for begin in range(0, len(distinct), 256):\n"
            "    part = [tiles[i] for i in distinct[begin : begin + 256]]\n"
            "    futures += client.map(apply_convolution, part, kernel=kernel, pure=False)\n"
            "start = (len(tiles) - 1) // 256 * 256",
            "gathered = dict(zip(distinct, client.gather(futures)))\n"
            "done = [gathered.get(i, gathered[0]) for i in range(len(tiles))]",
            8,
            9,
            10,
        ),
    ),
    functions=("2:apply_convolution",),
)
