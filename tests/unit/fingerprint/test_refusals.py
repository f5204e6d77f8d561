"""What cannot be repeated is refused, with the reason; what only looks like it is not."""

# ruff: noqa: E501  # tables of sources, one a line
from __future__ import annotations

import types
from textwrap import dedent

import pytest

import nbreplay
from nbreplay import Uncacheable
from nbreplay.fingerprint import Mode, fingerprint, volatile, walk


def made(source):
    module = types.ModuleType("__main__")
    exec(compile(dedent(source), "<cell>", "exec"), module.__dict__)
    return module.f


REFUSED = {
    "eval": ("dynamic", "def f(x): return eval(x)"),
    "exec": ("dynamic", "def f(x): exec(x)"),
    "globals": ("dynamic", "def f(): return globals()['K']"),
    "locals": ("dynamic", "def f(): return locals()"),
    "vars": ("dynamic", "def f(x): return vars(x)"),
    "import by name": ("dynamic", "def f(x): return __import__(x)"),
    "importlib": ("dynamic", "import importlib\ndef f(x): return importlib.import_module(x)"),
    "from importlib": ("dynamic", "from importlib import import_module as load\ndef f(x): return load(x)"),
    "sys.modules": ("dynamic", "import sys\ndef f(): return sys.modules['a']"),
    "sys.modules inside": ("dynamic", "def f():\n    from sys import modules\n    return modules"),
    "main": ("dynamic", "def f():\n    import __main__\n    return __main__.K"),
    "frames": ("dynamic", "import sys\ndef f(): return sys._getframe(1)"),
    "star import by a function of a string": ("dynamic", "def f(x): return compile(x, 'a', 'exec')"),
    "input": ("environment", "def f(): return input()"),
    "environ": ("environment", "import os\ndef f(): return os.environ['HOME']"),
    "environ inside": ("environment", "def f():\n    import os\n    return os.environ['HOME']"),
    "environ by from": ("environment", "from os import environ\ndef f(): return environ['HOME']"),
    "getenv": ("environment", "import os\ndef f(): return os.getenv('HOME')"),
    "environ by getattr": ("environment", "import os\ndef f(): return getattr(os, 'environ')"),
    "command line": ("environment", "import sys\ndef f(): return sys.argv"),
    "time": ("clock", "import time\ndef f(): return time.time()"),
    "time by alias": ("clock", "from time import time as t\ndef f(): return t()"),
    "time in a dict": ("clock", "import time\nT = {'t': time.time}\ndef f(): return T['t']()"),
    "time as default": ("clock", "import time\ndef f(t=time.perf_counter): return t()"),
    "time inside": ("clock", "def f():\n    import time as t\n    return t.time()"),
    "time by a local name": ("clock", "import time\ndef f():\n    t = time\n    return t.monotonic()"),
    "time in a helper": ("clock", "import time\ndef h(): return time.time()\ndef f(): return h()"),
    "time in a lambda inside": ("clock", "import time\ndef f(): return (lambda: time.time())()"),
    "now": ("clock", "from datetime import datetime\ndef f(): return datetime.now()"),
    "now by module": ("clock", "import datetime\ndef f(): return datetime.datetime.now()"),
    "today": ("clock", "import datetime as dt\ndef f(): return dt.date.today()"),
    "now by alias": ("clock", "from datetime import datetime\nnow = datetime.now\ndef f(): return now()"),
    "now of a type handed on": (
        "clock",
        "from datetime import datetime\ndef f(k=datetime):\n    d = datetime\n    return d.now()",
    ),
    "pandas now": ("clock", "import pandas as pd\ndef f(): return pd.Timestamp.now()"),
    "uuid": ("random", "import uuid\ndef f(): return uuid.uuid4()"),
    "urandom": ("random", "import os\ndef f(): return os.urandom(3)"),
    "secrets": ("random", "import secrets\ndef f(): return secrets.token_hex()"),
    "random": ("random", "import random\ndef f(): return random.random()"),
    "random by alias": ("random", "from random import choice\ndef f(x): return choice(x)"),
    "random as a value": ("random", "import random\nfrom functools import partial\nf = partial(random.choice, [1, 2])"),
    "shuffle": ("random", "import random\ndef f(x): random.shuffle(x); return x"),
    "numpy random": ("random", "import numpy as np\ndef f(): return np.random.rand(3)"),
    "numpy random by module": ("random", "from numpy import random as r\ndef f(): return r.normal()"),
    "numpy random by name": ("random", "from numpy.random import rand\ndef f(): return rand(3)"),
    "numpy random by getattr": ("random", "import numpy as np\ndef f(): return getattr(np.random, 'rand')(3)"),
    "generator without a seed": ("random", "import numpy as np\ndef f(): return np.random.default_rng().random()"),
    "Random without a seed": ("random", "import random\ndef f(): return random.Random().random()"),
    "seed without a value": (
        "random",
        "import numpy as np\ndef f():\n    np.random.seed()\n    return np.random.rand()",
    ),
    "open": ("files", "def f(p): return open(p).read()"),
    "open by alias": ("files", "o = open\ndef f(p): return o(p).read()"),
    "io.open": ("files", "import io\ndef f(p): return io.open(p).read()"),
    "exists": ("files", "import os\ndef f(p): return os.path.exists(p)"),
    "listdir": ("files", "import os\ndef f(p): return os.listdir(p)"),
    "read_text": ("files", "from pathlib import Path\ndef f(p): return Path(p).read_text()"),
    "Path.open": ("files", "from pathlib import Path\ndef f(p): return Path(p).open()"),
    "read_csv": ("files", "import pandas as pd\ndef f(p): return pd.read_csv(p)"),
    "np.load": ("files", "import numpy as np\ndef f(p): return np.load(p)"),
    "to_csv": ("files", "def f(df): df.to_csv('a')"),
    "tempfile": ("files", "import tempfile\ndef f(): return tempfile.mkdtemp()"),
    "socket": ("network", "import socket\ndef f(): return socket.socket()"),
    "urlopen": ("network", "from urllib.request import urlopen\ndef f(u): return urlopen(u)"),
    "urlopen inside": ("network", "def f(u):\n    import urllib.request\n    return urllib.request.urlopen(u)"),
    "http": ("network", "import http.client\ndef f(u): return http.client.HTTPConnection(u)"),
    "subprocess": ("subprocess", "import subprocess\ndef f(): return subprocess.run(['ls'])"),
    "subprocess inside": ("subprocess", "def f():\n    from subprocess import run\n    return run(['ls'])"),
    "system": ("subprocess", "import os\ndef f(): return os.system('ls')"),
    "ctypes": ("native", "import ctypes\ndef f(): return ctypes.CDLL(None)"),
    "global assignment": ("effect", "K = 1\ndef f():\n    global K\n    K = 2"),
    "get_client": ("dask", "from distributed import get_client\ndef f(): return get_client()"),
    "generator object": ("opaque", "f = (i for i in [1])"),
    "open file": ("opaque", "import os\nf = open(os.devnull)"),
    "file in a closure": ("opaque", "import os\nh = open(os.devnull)\ndef f(): return h.read()"),
    "method of a class": ("clock", "import time\nclass A:\n    def m(self): return time.time()\nf = A()"),
    "inherited method": (
        "random",
        "import random\nclass P:\n    def m(self): return random.random()\nclass A(P): pass\nf = A()",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_its_kind(name):
    kind, source = REFUSED[name]
    f = made(source)
    kinds = {refusal.kind for refusal in walk(f, mode=Mode.TASK).refusals}
    assert kind in kinds
    with pytest.raises(Uncacheable):
        fingerprint(f)


ALLOWED = {
    "a method called eval": "def f(model): return model.eval()",
    "a function called eval": "def eval(x): return 1\ndef f(x): return eval(x)",
    "a parameter called open": "def f(open): return open(1)",
    "an attribute called time": "def f(x): return x.time()",
    "a string": "def f(): return 'eval(os.environ)'",
    "time.sleep": "import time\ndef f(): time.sleep(0); return 1",
    "strptime": "from datetime import datetime\ndef f(s): return datetime.strptime(s, '%Y')",
    "datetime of a value": "from datetime import datetime\ndef f(): return datetime(2020, 1, 1).isoformat()",
    "os.path.join": "import os\ndef f(a): return os.path.join(a, 'b')",
    "os.sep": "import os\ndef f(a): return a + os.sep",
    "seeded generator": "import numpy as np\ndef f(s): return np.random.default_rng(s).random()",
    "seeded Random": "import random\ndef f(s): return random.Random(s).random()",
    "seeded global generator": "import numpy as np\ndef f(s):\n    np.random.seed(s)\n    return np.random.rand(3)",
    "seeded random module": "import random\ndef f(s):\n    random.seed(s)\n    return random.random() + random.choice([1])",
    "RandomState": "import numpy as np\ndef f(s): return np.random.RandomState(s).rand()",
    "generator as an argument": "import numpy as np\nf = np.random.default_rng(1)",
    "pandas": "import pandas as pd\ndef f(x): return pd.DataFrame(x).groupby('a').sum()",
    "path arithmetic": "from pathlib import PurePath\ndef f(p): return PurePath(p) / 'a'",
    "uuid of a value": "import uuid\ndef f(): return uuid.uuid5(uuid.NAMESPACE_DNS, 'a')",
    "json": "import json\ndef f(x): return json.loads(json.dumps(x))",
    "print": "def f(x): print(x)",
    "getattr": "def f(x): return getattr(x, 'a')",
    "unused import": "import time, subprocess, socket\ndef f(x): return x",
    "unused global of a refused kind": "import time\nt = time.time\ndef f(x): return x",
    "logger": "import logging\nlog = logging.getLogger('a')\ndef f(x): log.info('a'); return x",
    "warnings": "import warnings\ndef f(x): warnings.warn('a'); return x",
}


@pytest.mark.parametrize("name", ALLOWED)
def test_it_is_not_refused(name):
    assert fingerprint(made(ALLOWED[name]))


def test_a_seed_pardons_only_what_comes_after_it():
    assert walk(
        made("import random\ndef f(s):\n    x = random.random()\n    random.seed(s)\n    return x"), mode=Mode.TASK
    ).refusals


@pytest.mark.parametrize(
    "source",
    [
        "def f(s):\n    if s: np.random.seed(s)\n    return np.random.rand()",
        "def f(s):\n    random.seed(s)\n    return np.random.rand()",
        "def f(s):\n    def g(): np.random.seed(s)\n    return np.random.rand()",
    ],
)
def test_a_seed_that_may_not_be_set_pardons_nothing(source):
    assert walk(made("import random\nimport numpy as np\n" + source), mode=Mode.TASK).refusals


def test_a_seed_in_one_function_does_not_pardon_another():
    source = "import random\ndef h(): return random.random()\ndef f(s):\n    random.seed(s)\n    return random.random() + g()\ng = lambda: random.gauss(0, 1)"
    assert walk(made(source), mode=Mode.TASK).refusals


def test_a_volatile_function_is_refused_wherever_it_occurs():
    @volatile
    def g():
        return 1

    def f():
        return g()

    assert {r.kind for r in walk(g, mode=Mode.TASK).refusals} == {"volatile"}
    assert {r.kind for r in walk(f, mode=Mode.TASK).refusals} == {"volatile"}
    assert nbreplay.volatile is volatile


def test_the_mark_survives_a_copy():
    import pickle

    import cloudpickle

    f = volatile(made("def f(): return 1"))
    assert walk(pickle.loads(cloudpickle.dumps(f)), mode=Mode.TASK).refusals


def test_data_is_not_refused_for_what_code_in_it_does():
    f = made("import time\ndef f(): return time.time()")
    assert not walk([f], mode=Mode.VALUE).refusals


def test_the_reason_names_the_culprit():
    with pytest.raises(Uncacheable, match=r"time\.time reads the clock"):
        fingerprint(made("import time\ndef f(): return time.time()"))
