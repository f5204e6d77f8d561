"""States of libraries that no name holds: options, global generators, registered colour maps."""

# ruff: noqa: E501  # a cell's code stays together

from state_table import State

STATES = [
    State(
        "numpy: errstate print",
        "ambient",
        ["import numpy as np\nnp.set_printoptions(precision=3, suppress=True); old = np.seterr(over='raise')"],
        "print(np.array([1.23456789]), np.geterr()['over']); np.set_printoptions(precision=8, suppress=False)",
        batch="options",
    ),
    State(
        "numpy: legacy global",
        "ambient",
        ["import numpy as np\nnp.random.seed(3); x = np.random.rand(2)"],
        "print(np.random.rand(3), np.random.get_state()[2])",
        batch="options",
    ),
    State(
        "numpy: random module",
        "ambient",
        ["import random\nrandom.seed(4); random.gauss(0, 1)"],
        "print(random.gauss(0, 1), random.random())",
        batch="options",
    ),
    State(
        "numpy: bound global rng",
        "ambient",
        ["import numpy as np\nfrom numpy.random import mtrand\nrnd = mtrand._rand; normal = np.random.normal"],
        "print(rnd is np.random.mtrand._rand, normal.__self__ is rnd)",
        batch="options",
    ),
    State(
        "pandas: options",
        "ambient",
        ["import pandas as pd\npd.set_option('display.precision', 2); pd.set_option('display.max_rows', 7)"],
        "print(pd.get_option('display.precision'), pd.get_option('display.max_rows'), pd.Series([1.23456]).to_string()); pd.reset_option('display.precision'); pd.reset_option('display.max_rows')",
        batch="options",
        requires=("pandas",),
    ),
    State(
        "pandas: option callable",
        "ambient",
        ["import pandas as pd\npd.set_option('display.float_format', '{:.3f}'.format)"],
        "print(pd.Series([1.23456]).to_string()); pd.reset_option('display.float_format')",
        batch="options",
        requires=("pandas",),
    ),
    State(
        "xarray: xr options",
        "ambient",
        ["import xarray as xr\n_ = xr.set_options(keep_attrs=True, display_width=60)"],
        "print(xr.get_options()['keep_attrs'], xr.get_options()['display_width']); _ = xr.set_options(keep_attrs='default', display_width=80)",
        batch="options",
        requires=("xarray",),
    ),
    State(
        "matplotlib: registered cmap",
        "ambient",
        [
            "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\nmine = matplotlib.colors.ListedColormap(['r', 'g'], 'mine_cm'); matplotlib.colormaps.register(mine)"
        ],
        "print(matplotlib.colormaps['mine_cm'].N, plt.get_cmap('mine_cm')(0.))",
        batch="options",
        requires=("matplotlib",),
    ),
    State(
        "matplotlib: rcparams",
        "ambient",
        [
            "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\nplt.rcParams['lines.linewidth'] = 7; plt.rcParams['axes.prop_cycle'] = plt.cycler(color=['k', 'r'])"
        ],
        "print(plt.rcParams['lines.linewidth'], plt.rcParams['axes.prop_cycle'].by_key()); plt.rcdefaults(); plt.rcParams['figure.max_open_warning'] = 0",
        batch="options",
        requires=("matplotlib",),
    ),
    State(
        "matplotlib: interactive",
        "ambient",
        ["import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\nplt.ioff()"],
        "print(plt.isinteractive())",
        batch="options",
        requires=("matplotlib",),
    ),
    State(
        "torch: default dtype",
        "ambient",
        ["import torch\ntorch.set_default_dtype(torch.float64)"],
        "print(torch.ones(1).dtype); torch.set_default_dtype(torch.float32)",
        batch="options",
        requires=("torch",),
    ),
    State(
        "torch: threads",
        "ambient",
        ["import torch\ntorch.set_num_threads(1)"],
        "print(torch.get_num_threads())",
        batch="options",
        requires=("torch",),
    ),
    State(
        "torch: no grad state",
        "ambient",
        ["import torch\n_ = torch.set_grad_enabled(False)"],
        "print(torch.is_grad_enabled()); _ = torch.set_grad_enabled(True)",
        batch="options",
        requires=("torch",),
    ),
]
