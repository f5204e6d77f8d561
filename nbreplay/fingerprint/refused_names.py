"""Names of libraries that are refused: what another run need not repeat, or whose inputs no fingerprint sees.

Plain tables. An object is known by what it *is* (``time.time`` under any alias), attributes of library modules and
types by their path.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

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

Why = tuple[Kind, str]
"""What sort of reason, and what the name does, in words for the user."""

_NAMES: dict[Why, str] = {
    ("dynamic", "can reach any name"): """
        builtins: eval exec globals locals vars __import__ compile breakpoint
    """,
    ("dynamic", "can import anything"): """
        importlib: import_module reload __import__
        importlib._bootstrap: __import__
        runpy: run_path run_module
    """,
    ("dynamic", "looks into running code"): """
        sys: _getframe _current_frames modules settrace setprofile
        inspect:
            currentframe stack trace getframeinfo getsource getsourcelines getsourcefile getfile getcomments findsource
        dis: dis disco code_info get_instructions Bytecode
    """,
    ("dynamic", "looks at all objects"): """
        gc: get_objects get_referrers get_referents
    """,
    ("environment", "asks the user"): """
        builtins: input
        getpass: getpass getuser
    """,
    ("environment", "reads the environment"): """
        os: environ environb getenv getenvb putenv unsetenv
    """,
    ("environment", "depends on the process"): """
        os: getpid getppid getlogin uname cpu_count getloadavg times
        sys: argv stdin
    """,
    ("environment", "depends on the machine"): """
        socket: gethostname getfqdn
        platform: node uname platform processor machine version release
    """,
    ("clock", "reads the clock"): """
        time:
            time time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time process_time_ns thread_time
            thread_time_ns localtime gmtime ctime asctime strftime clock_gettime clock_gettime_ns
        timeit: default_timer timeit repeat Timer
        datetime _pydatetime: datetime.now datetime.utcnow datetime.today date.today
        pandas pandas._libs.tslibs.timestamps pandas.api.typing: Timestamp.now Timestamp.utcnow Timestamp.today
    """,
    ("random", "makes a new random identifier"): """
        uuid: uuid1 uuid4 uuid6 uuid7 uuid8 getnode
    """,
    ("random", "reads the system's random source"): """
        os posix: urandom getrandom
        random: SystemRandom
        ssl: RAND_bytes
    """,
    ("random", "draws from a random generator without a seed"): """
        random:
            random randint randrange choice choices shuffle sample uniform gauss normalvariate lognormvariate
            betavariate expovariate gammavariate paretovariate triangular vonmisesvariate weibullvariate getrandbits
            randbytes binomialvariate getstate
        numpy.random numpy.random.mtrand:
            rand randn randint random random_sample random_integers ranf sample choice shuffle permutation bytes beta
            binomial chisquare dirichlet exponential f gamma geometric gumbel hypergeometric laplace logistic
            lognormal logseries multinomial multivariate_normal negative_binomial noncentral_chisquare noncentral_f
            normal pareto poisson power rayleigh standard_cauchy standard_exponential standard_gamma standard_normal
            standard_t triangular uniform vonmises wald weibull zipf get_state
        torch: rand randn randint randperm normal bernoulli multinomial rand_like randn_like randint_like
    """,
    ("files", "reads or writes files"): """
        builtins codecs shelve dbm rasterio PIL.Image: open
        io _io: open open_code FileIO
        os:
            open listdir scandir stat lstat walk fwalk access remove unlink rename replace mkdir makedirs rmdir chdir
            getcwd readlink truncate utime link symlink chmod removedirs
        posix:
            open listdir scandir stat lstat access remove unlink rename replace mkdir rmdir chdir getcwd readlink
            truncate utime link symlink chmod
        os.path posixpath:
            exists lexists isfile isdir islink getsize getmtime getctime getatime samefile realpath abspath
        genericpath: exists lexists isfile isdir islink getsize getmtime getctime getatime samefile
        glob: glob iglob
        gzip: open GzipFile
        bz2: open BZ2File
        lzma: open LZMAFile
        zipfile: ZipFile is_zipfile
        tarfile: open TarFile is_tarfile
        sqlite3 _sqlite3: connect
        mmap: mmap
        linecache: getline getlines
        fileinput: input FileInput
        numpy: load loadtxt genfromtxt fromfile memmap save savez savez_compressed savetxt
        joblib: load dump
        h5py: File
        netCDF4: Dataset MFDataset
        uproot: open iterate concatenate
        zarr: open open_array open_group open_consolidated load save
        xarray: open_dataset open_dataarray open_mfdataset open_zarr load_dataset load_dataarray open_datatree
        pyarrow: memory_map OSFile input_stream output_stream
        pandas: ExcelFile ExcelWriter HDFStore
        imageio: imread imwrite mimread volread
        cv2: imread imwrite VideoCapture
        matplotlib.pyplot: imread imsave savefig
        scipy.io: loadmat savemat
        astropy.io.fits: open getdata writeto
        polars: read_csv read_parquet read_json read_ipc scan_csv scan_parquet scan_ipc
        pandas:
            read_csv read_table read_fwf read_json read_html read_xml read_excel read_parquet read_feather read_orc
            read_hdf read_pickle read_stata read_sas read_spss read_sql read_sql_query read_sql_table
    """,
    ("subprocess", "starts other programs"): """
        os:
            system popen fork forkpty posix_spawn posix_spawnp kill startfile
            execl execle execlp execlpe execv execve execvp execvpe spawnl spawnle spawnlp spawnlpe spawnv spawnve
            spawnvp spawnvpe
        posix: system fork forkpty posix_spawn posix_spawnp kill
    """,
    ("dask", "submits tasks of its own"): """
        distributed dask.distributed distributed.worker distributed.client distributed.worker_client:
            get_client get_worker worker_client secede rejoin get_task_stream Client LocalCluster Worker
    """,
}
"""For each reason: modules, a colon, and names in each of them; a line without a colon goes on with the names."""

_MODULES: dict[Why, str] = {
    ("network", "talks to the network"): """
        socket _socket ssl http.client ftplib smtplib imaplib poplib telnetlib nntplib xmlrpc.client urllib.request
        requests httpx aiohttp urllib3 boto3 botocore paramiko websocket websockets grpc redis pymongo psycopg
        psycopg2 pymysql kafka pika zmq fsspec s3fs gcsfs adlfs
    """,
    ("subprocess", "starts other programs"): "subprocess multiprocessing pty _posixsubprocess",
    ("native", "calls native code behind Python's back"): "ctypes _ctypes cffi",
    ("random", "reads the system's random source"): "secrets",
    # fsspec.spec is how any of its file systems is made again; those that are elsewhere are refused themselves.
    ("files", "reads or writes files"): """
        tempfile shutil fcntl pandas.io pyarrow.parquet pyarrow.csv pyarrow.feather pyarrow.orc pyarrow.dataset
        pyarrow.fs pyarrow.json fsspec.implementations.local fsspec.spec
    """,
    ("dynamic", "uses the running IPython"): "IPython ipykernel",
    ("dynamic", "imports the running program"): "__main__",
}
"""For each reason: modules of which every function and class is refused."""


def _paths() -> Iterator[tuple[str, Why]]:
    for why, lines in _NAMES.items():
        modules: list[str] = []
        for line in lines.strip().splitlines():
            before, colon, names = line.rpartition(":")
            if colon:
                modules = before.split()
            yield from ((f"{module}:{name}", why) for module in modules for name in names.split())


BY_PATH: dict[str, Why] = dict(_paths())
"""``module:name`` of an object or attribute to the reason."""

BY_MODULE: dict[str, Why] = {module: why for why, names in _MODULES.items() for module in names.split()}
"""Modules of which every function and class is refused, submodules too, to the reason."""

DRAWING_METHODS = words("sample rvs")
"""Methods of frames and distributions that take their numbers from a global generator if no other is named."""

SEED_WORDS = words("random_state seed rng generator default_rng Random RandomState Generator manual_seed")
"""Where code has one of these, it is taken to say where its random numbers come from."""

SEEDED_BY_KEYWORD: dict[str, str] = dict.fromkeys(
    words("""
        train_test_split ShuffleSplit StratifiedShuffleSplit GroupShuffleSplit RepeatedKFold shuffle resample
        KMeans MiniBatchKMeans BisectingKMeans GaussianMixture BayesianGaussianMixture SpectralClustering
        RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor ExtraTreeClassifier
        DecisionTreeClassifier DecisionTreeRegressor GradientBoostingClassifier GradientBoostingRegressor
        BaggingClassifier BaggingRegressor AdaBoostClassifier AdaBoostRegressor IsolationForest
        RandomTreesEmbedding MLPClassifier MLPRegressor SGDClassifier SGDRegressor Perceptron TSNE NMF FastICA
        TruncatedSVD LatentDirichletAllocation SparseRandomProjection GaussianRandomProjection RBFSampler
        RandomizedSearchCV permutation_importance make_blobs make_classification make_regression make_moons
        make_circles make_friedman1 make_swiss_roll make_s_curve
    """),
    "sklearn",
)
"""What draws from numpy's global generator unless it is given a ``random_state``, to the package that it is from."""

CODE_NAMES = frozenset(
    words("""
        __globals__ __subclasses__ f_globals f_locals f_back f_code f_lineno tb_frame gi_frame cr_frame ag_frame
        co_code co_consts co_filename co_linetable co_lnotab co_name co_qualname co_names co_varnames co_freevars
        co_cellvars co_nlocals co_stacksize
    """)
)
"""Attributes that lead from a function to any name, or to how its code is spelt."""

ASKING: dict[str, frozenset[str]] = {
    **dict.fromkeys(("inspect", "pydoc", "operator:attrgetter"), words("__doc__ __name__ __annotations__")),
    **dict.fromkeys(("functools:wraps", "functools:update_wrapper"), words("__doc__ __name__ __annotations__")),
    **dict.fromkeys(("builtins:help", "builtins:dir"), words("__doc__ __name__")),
    **dict.fromkeys(("typing:get_type_hints", "annotationlib", "functools:singledispatch"), words("__annotations__")),
    "traceback": words("__name__ lineno"),
}
"""Library functions, or whole modules, to what they look at in the functions that they are given."""

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
