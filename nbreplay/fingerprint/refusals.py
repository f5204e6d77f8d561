"""What cannot be cached, with the reason in words for the user.

A table of library names whose result another run need not repeat, or whose inputs no fingerprint sees. An object is
known by what it *is* (``time.time`` under any alias), attributes of library modules and types by their path.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from nbreplay.fingerprint.leaves import words

Kind = Literal[
    "dynamic",  # code or names that cannot be seen: eval, globals(), sys.modules
    "environment",  # os.environ, the command line, the process
    "clock",
    "random",  # a generator without a seed, uuid, os.urandom
    "files",  # opens a file, or asks for one: lifted by whoever traces files
    "network",
    "subprocess",
    "native",  # ctypes, cffi
    "effect",  # binds global names
    "dask",  # submits tasks of its own
    "opaque",  # an object that cannot be written faithfully
    "volatile",  # declared by the user
]


class Refusal(NamedTuple):
    """One reason why something has no fingerprint.

    Attributes
    ----------
    kind : str
        What sort of reason. ``files`` is the one that a caller may lift, where it traces the files that a task opens;
        all others stand.
    text : str
        The reason, in words for the user.
    """

    kind: Kind
    text: str

    def __str__(self) -> str:
        return self.text


def _table() -> dict[str, tuple[Kind, str]]:
    table: dict[str, tuple[Kind, str]] = {}

    def add(kind: Kind, why: str, module: str, names: str) -> None:
        for name in names.split():
            table[f"{module}:{name}"] = (kind, why)

    dynamic = "can reach any name"
    add("dynamic", dynamic, "builtins", "eval exec globals locals vars __import__ compile breakpoint")
    add("dynamic", "can import anything", "importlib", "import_module reload __import__")
    add("dynamic", "can import anything", "importlib._bootstrap", "__import__")
    add("dynamic", "can import anything", "runpy", "run_path run_module")
    add("dynamic", "looks into running code", "sys", "_getframe _current_frames modules settrace setprofile")
    add("dynamic", "looks into running code", "inspect", "currentframe stack trace getframeinfo")
    add("dynamic", "looks at all objects", "gc", "get_objects get_referrers get_referents")
    add("environment", "asks the user", "builtins", "input")
    add("environment", "asks the user", "getpass", "getpass getuser")
    add("environment", "reads the environment", "os", "environ environb getenv getenvb putenv unsetenv")
    add("environment", "depends on the process", "os", "getpid getppid getlogin uname cpu_count getloadavg times")
    add("environment", "depends on the process", "sys", "argv stdin")
    add("environment", "depends on the machine", "socket", "gethostname getfqdn")
    add("environment", "depends on the machine", "platform", "node uname platform processor machine version release")
    clock = "reads the clock"
    for module in ("time",):
        add(
            "clock",
            clock,
            module,
            "time time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time process_time_ns thread_time"
            " thread_time_ns localtime gmtime ctime asctime strftime clock_gettime clock_gettime_ns",
        )
    add("clock", clock, "timeit", "default_timer timeit repeat Timer")
    for module in ("datetime", "_pydatetime"):
        add("clock", clock, module, "datetime.now datetime.utcnow datetime.today date.today")
    for module in ("pandas", "pandas._libs.tslibs.timestamps", "pandas.api.typing"):
        add("clock", clock, module, "Timestamp.now Timestamp.utcnow Timestamp.today")
    unseeded = "draws from a random generator without a seed"
    add("random", "makes a new random identifier", "uuid", "uuid1 uuid4 uuid6 uuid7 uuid8 getnode")
    add("random", "reads the system's random source", "os", "urandom getrandom")
    add("random", "reads the system's random source", "posix", "urandom getrandom")
    add("random", "reads the system's random source", "random", "SystemRandom")
    add("random", "reads the system's random source", "ssl", "RAND_bytes")
    draws = (
        "random randint randrange choice choices shuffle sample uniform gauss normalvariate lognormvariate betavariate"
        " expovariate gammavariate paretovariate triangular vonmisesvariate weibullvariate getrandbits randbytes"
        " binomialvariate getstate"
    )
    add("random", unseeded, "random", draws)
    draws = (
        "rand randn randint random random_sample random_integers ranf sample choice shuffle permutation bytes beta"
        " binomial chisquare dirichlet exponential f gamma geometric gumbel hypergeometric laplace logistic lognormal"
        " logseries multinomial multivariate_normal negative_binomial noncentral_chisquare noncentral_f normal pareto"
        " poisson power rayleigh standard_cauchy standard_exponential standard_gamma standard_normal standard_t"
        " triangular uniform vonmises wald weibull zipf get_state"
    )
    add("random", unseeded, "numpy.random", draws)
    add("random", unseeded, "numpy.random.mtrand", draws)
    draws = "rand randn randint randperm normal bernoulli multinomial rand_like randn_like randint_like"
    add("random", unseeded, "torch", draws)
    for module, names in {
        "builtins": "open",
        "io": "open open_code FileIO",
        "_io": "open open_code FileIO",
        "codecs": "open",
        "os": "open listdir scandir stat lstat walk fwalk access remove unlink rename replace mkdir makedirs rmdir"
        " chdir getcwd readlink truncate utime link symlink chmod removedirs",
        "posix": "open listdir scandir stat lstat access remove unlink rename replace mkdir rmdir chdir getcwd readlink"
        " truncate utime link symlink chmod",
        "os.path": "exists lexists isfile isdir islink getsize getmtime getctime getatime samefile realpath abspath",
        "posixpath": "exists lexists isfile isdir islink getsize getmtime getctime getatime samefile realpath abspath",
        "genericpath": "exists lexists isfile isdir islink getsize getmtime getctime getatime samefile",
        "glob": "glob iglob",
        "gzip": "open GzipFile",
        "bz2": "open BZ2File",
        "lzma": "open LZMAFile",
        "zipfile": "ZipFile is_zipfile",
        "tarfile": "open TarFile is_tarfile",
        "sqlite3": "connect",
        "_sqlite3": "connect",
        "shelve": "open",
        "dbm": "open",
        "mmap": "mmap",
        "linecache": "getline getlines",
        "fileinput": "input FileInput",
        "numpy": "load loadtxt genfromtxt fromfile memmap save savez savez_compressed savetxt",
        "joblib": "load dump",
        "h5py": "File",
        "netCDF4": "Dataset MFDataset",
        "rasterio": "open",
        "uproot": "open iterate concatenate",
        "zarr": "open open_array open_group open_consolidated load save",
        "xarray": "open_dataset open_dataarray open_mfdataset open_zarr load_dataset load_dataarray open_datatree",
        "pyarrow": "memory_map OSFile input_stream output_stream",
        "pandas": "ExcelFile ExcelWriter HDFStore",
        "imageio": "imread imwrite mimread volread",
        "cv2": "imread imwrite VideoCapture",
        "PIL.Image": "open",
        "matplotlib.pyplot": "imread imsave savefig",
        "scipy.io": "loadmat savemat",
        "astropy.io.fits": "open getdata writeto",
        "polars": "read_csv read_parquet read_json read_ipc scan_csv scan_parquet scan_ipc",
    }.items():
        add("files", "reads or writes files", module, names)
    readers = "csv table fwf json html xml excel parquet feather orc hdf pickle stata sas spss sql sql_query sql_table"
    add("files", "reads or writes files", "pandas", " ".join(f"read_{name}" for name in readers.split()))
    add(
        "subprocess", "starts other programs", "os", "system popen fork forkpty posix_spawn posix_spawnp kill startfile"
    )
    add("subprocess", "starts other programs", "posix", "system fork forkpty posix_spawn posix_spawnp kill")
    for prefix in ("exec", "spawn"):
        for end in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe"):
            add("subprocess", "starts other programs", "os", prefix + end)
    asks = "get_client get_worker worker_client secede rejoin get_task_stream Client LocalCluster Worker"
    for module in ("distributed", "dask.distributed", "distributed.worker", "distributed.client"):
        add("dask", "submits tasks of its own", module, asks)
    return table


BY_PATH = _table()
"""``module:name`` of an object or attribute to (kind, what it does)."""

BY_MODULE: dict[str, tuple[Kind, str]] = {
    **dict.fromkeys(
        [
            "socket",
            "_socket",
            "ssl",
            "http.client",
            "ftplib",
            "smtplib",
            "imaplib",
            "poplib",
            "telnetlib",
            "nntplib",
            "xmlrpc.client",
            "urllib.request",
            "requests",
            "httpx",
            "aiohttp",
            "urllib3",
            "boto3",
            "botocore",
            "paramiko",
            "websocket",
            "websockets",
            "grpc",
            "redis",
            "pymongo",
            "psycopg",
            "psycopg2",
            "pymysql",
            "kafka",
            "pika",
            "zmq",
            "fsspec",
            "s3fs",
            "gcsfs",
            "adlfs",
        ],
        ("network", "talks to the network"),
    ),
    **dict.fromkeys(
        ("subprocess", "multiprocessing", "pty", "_posixsubprocess"), ("subprocess", "starts other programs")
    ),
    **dict.fromkeys(("ctypes", "_ctypes", "cffi"), ("native", "calls native code behind Python's back")),
    **dict.fromkeys(("secrets",), ("random", "reads the system's random source")),
    **dict.fromkeys(("tempfile", "shutil", "fcntl"), ("files", "reads or writes files")),
    **dict.fromkeys(
        (
            "pandas.io",
            "pyarrow.parquet",
            "pyarrow.csv",
            "pyarrow.feather",
            "pyarrow.orc",
            "pyarrow.dataset",
            "pyarrow.fs",
            "pyarrow.json",
            "fsspec.implementations.local",
            "fsspec.spec",  # how any of its file systems is made again; those that are elsewhere are refused themselves
        ),
        ("files", "reads or writes files"),
    ),
    "IPython": ("dynamic", "uses the running IPython"),
    "ipykernel": ("dynamic", "uses the running IPython"),
    "__main__": ("dynamic", "imports the running program"),
}
"""Modules of which every function and class is refused; submodules, too."""

SEEDS = frozenset({"random:seed", "numpy.random:seed", "numpy.random.mtrand:seed", "torch:manual_seed"})
"""Calls after which a global generator is no longer without a seed."""

UNSEEDED_WHEN_BARE = frozenset(
    {
        "random:Random",
        "numpy.random:default_rng",
        "numpy.random._generator:default_rng",
        "numpy.random:RandomState",
        "numpy.random.mtrand:RandomState",
        "numpy.random:SeedSequence",
        "numpy.random.bit_generator:SeedSequence",
        "numpy.random:PCG64",
        "numpy.random:MT19937",
        "numpy.random:Philox",
        "numpy.random:SFC64",
        "numpy.random:seed",
        "random:seed",
    }
)
"""Without an argument they take their seed from the system."""

CLOCK_TYPES = frozenset({"datetime:datetime", "datetime:date", "pandas:Timestamp", "pandas.api.typing:Timestamp"})
CLOCK_METHODS = frozenset({"now", "utcnow", "today"})

PATH_TYPES = frozenset(f"{module}:{name}" for module in ("pathlib", "pathlib._local") for name in ("Path", "PosixPath"))
FILE_METHODS = frozenset(
    words("""
        read_text read_bytes write_text write_bytes iterdir to_csv to_parquet to_pickle to_hdf to_excel to_feather
        to_orc to_stata to_zarr to_netcdf savefig savetxt tofile write_csv write_parquet sink_parquet open_binary
    """)
)
"""Methods that touch files, whatever the object is."""

PATH_METHODS = FILE_METHODS | frozenset(
    words("""
        open exists is_file is_dir is_symlink stat lstat glob rglob walk unlink rename replace mkdir rmdir touch
        resolve absolute cwd home samefile
    """)
)
"""Methods that touch files if the object is a path."""


def by_name(module: str, qualname: str) -> Refusal | None:
    """Return why the library object ``module.qualname`` is refused, None if it is not."""
    found = BY_PATH.get(f"{module}:{qualname}")
    if found is None and module != "__main__":
        found = of_module(module)
    if found is None:
        return None
    kind, why = found
    shown = qualname if module == "builtins" else f"{module}.{qualname}"
    return Refusal(kind, f"{shown} {why}")


def of_module(module: str) -> tuple[Kind, str] | None:
    """Return the entry for a module, or for a package that it is in."""
    while module:
        if module in BY_MODULE:
            return BY_MODULE[module]
        module = module.rpartition(".")[0]
    return None


def escaping(module: str, names: frozenset[str]) -> list[Refusal]:
    """Return what code might take from a *module* that it handles as a value, judged by the *names* in it."""
    whole = of_module(module)
    if whole is not None:
        return [Refusal(whole[0], f"{module} {whole[1]}")]
    return [
        refusal
        for name in sorted(names)
        if f"{module}:{name}" in BY_PATH and (refusal := by_name(module, name)) is not None
    ]
