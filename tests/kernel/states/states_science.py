"""States of SciPy, scikit-learn, xarray and networkx."""

# ruff: noqa: E501  # a cell's code stays together

from state_table import State

STATES = [
    State(
        "scipy: sparse formats",
        "scipy",
        [
            "import scipy.sparse as sp\nm = sp.random_array((20, 20), density=.2, rng=1); fs = {f: m.asformat(f) for f in ('csr', 'csc', 'coo', 'lil', 'dok', 'dia', 'bsr')}"
        ],
        "print([(k, type(v).__name__, round(float(v.sum()), 9), v.shape, v.dtype) for k, v in fs.items()]); fs['csr'].data[0] = 5; print(fs['csr'].max())",
        batch="science",
        requires=("scipy",),
    ),
    State(
        "scipy: sparse matrix class",
        "scipy",
        ["import numpy as np\nimport scipy.sparse as sp\nm = sp.csr_matrix(np.eye(3)); v = m.data"],
        "v[0] = 7; print(type(m).__name__, m.toarray().tolist(), np.shares_memory(v, m.data), m.has_sorted_indices)",
        batch="science",
        requires=("scipy",),
    ),
    State(
        "scipy: interpolators",
        "scipy",
        [
            "import numpy as np\nfrom scipy.interpolate import CubicSpline, interp1d, RegularGridInterpolator, UnivariateSpline\nx = np.arange(6.); cs = CubicSpline(x, x**2); il = interp1d(x, x); rg = RegularGridInterpolator((x, x), np.outer(x, x)); us = UnivariateSpline(x, x**2, s=0)"
        ],
        "print(cs(2.5), il(2.5), rg((1.5, 2.5)), round(float(us(2.5)), 9), cs.derivative()(1.))",
        batch="science",
    ),
    State(
        "scipy: frozen distributions",
        "scipy",
        ["from scipy import stats\nd = stats.norm(2, 3); g = stats.gamma(2.); p = stats.poisson(4)"],
        "print(d.cdf(2), g.mean(), p.pmf(3), d.rvs(2, random_state=3), d.args)",
        batch="distributions",
    ),
    State(
        "scipy: distribution seeded",
        "scipy",
        [
            "import numpy as np\nfrom scipy import stats\nrs = np.random.default_rng(4); d = stats.norm(0, 1); d.random_state = rs; x0 = d.rvs()"
        ],
        "print(d.rvs(2), rs.random())",
        batch="distributions",
    ),
    State(
        "scipy: distribution notebook",
        "scipy",
        [
            "import numpy as np\nfrom scipy import stats\nclass Mine(stats.rv_continuous):\n    def _cdf(self, x): return np.clip(x, 0, 1)\nmine = Mine(a=0, b=1, name='mine')"
        ],
        "print(mine.cdf(.3), type(mine) is Mine, round(mine.mean(), 4))",
        batch="distributions",
    ),
    State(
        "scipy: kde",
        "scipy",
        ["import numpy as np\nfrom scipy import stats\nk = stats.gaussian_kde(np.arange(10.))"],
        "print(round(float(k(4.5)[0]), 9))",
        batch="science",
    ),
    State(
        "scipy: kdtree",
        "scipy",
        [
            "import numpy as np\nfrom scipy.spatial import KDTree, cKDTree, ConvexHull, Delaunay, distance\npts = np.random.default_rng(0).random((30, 2)); t = KDTree(pts); c = cKDTree(pts)"
        ],
        "print(t.query([.5, .5]), c.query([.5, .5]), t.data.shape)",
        batch="science",
    ),
    State(
        "scipy: hulls",
        "scipy",
        [
            "import numpy as np\nfrom scipy.spatial import ConvexHull, Delaunay\npts = np.random.default_rng(0).random((30, 2)); h = ConvexHull(pts); d = Delaunay(pts)"
        ],
        "print(round(h.volume, 9), d.simplices.shape, int(d.find_simplex([[.5, .5]])[0]))",
        batch="science",
    ),
    State(
        "scipy: optimize result",
        "scipy",
        [
            "import numpy as np\nfrom scipy import optimize\nr = optimize.minimize(lambda v: (v[0] - 1) ** 2, [0.]); lc = optimize.LinearConstraint(np.eye(1), 0, 1)"
        ],
        "print(np.round(r.x, 3), r.success, r.message, type(r).__name__, lc.lb)",
        batch="science",
    ),
    State(
        "scipy: rotation",
        "scipy",
        [
            "import numpy as np\nfrom scipy.spatial.transform import Rotation\nrot = Rotation.from_euler('z', 90, degrees=True)"
        ],
        "print(np.round(rot.apply([1, 0, 0]), 6))",
        batch="science",
    ),
    State(
        "scipy: linear operator",
        "scipy",
        [
            "import numpy as np\nfrom scipy.sparse.linalg import LinearOperator, splu, aslinearoperator\nlo = LinearOperator((3, 3), matvec=lambda v: 2 * v, dtype=float); al = aslinearoperator(np.eye(2))"
        ],
        "print(lo @ np.ones(3), al @ np.ones(2))",
        batch="science",
    ),
    State(
        "scipy: superlu",
        "scipy",
        [
            "import numpy as np\nimport scipy.sparse as sp\nfrom scipy.sparse.linalg import splu\nlu = splu(sp.csc_matrix(np.eye(3) * 2))"
        ],
        "print(lu.solve(np.ones(3)))",
        batch="science",
        expected="rebuilt",
        requires=("scipy",),
    ),
    State(
        "scipy: ode solution",
        "scipy",
        ["from scipy.integrate import solve_ivp\nsol = solve_ivp(lambda t, y: -y, (0, 1), [1.], dense_output=True)"],
        "print(round(float(sol.sol(.5)[0]), 6), sol.t.shape)",
        batch="science",
    ),
    State(
        "scipy: signal objects",
        "scipy",
        [
            "import numpy as np\nfrom scipy import signal\nlti = signal.lti([1], [1, 1]); b, a = signal.butter(2, .3); st = signal.ShortTimeFFT(np.ones(4), 2, 1.)"
        ],
        "print(lti.poles, b.round(4), st.hop)",
        batch="science",
    ),
    State(
        "scipy: qmc",
        "scipy",
        ["from scipy.stats import qmc\nq = qmc.Sobol(2, rng=3); q0 = q.random(4)"],
        "print(q.random(4).round(6).tolist(), q.num_generated)",
        batch="science",
    ),
    State(
        "scipy: scipy ufunc",
        "scipy",
        ["from scipy import special\nf = special.expit; fs = [special.gamma, special.jv]"],
        "print(f is special.expit, fs[1](0, 1.).round(6))",
        batch="science",
    ),
    State(
        "scikit-learn: fitted pipeline",
        "sklearn",
        [
            "import numpy as np\nfrom sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import StandardScaler\nfrom sklearn.linear_model import LogisticRegression\nX = np.random.default_rng(0).random((40, 3)); y = (X[:, 0] > .5).astype(int); pipe = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y); step = pipe[-1]"
        ],
        "print(pipe.predict(X[:5]), step is pipe.named_steps['logisticregression'], pipe.score(X, y), pipe[-1].coef_.round(4))",
        batch="science",
        settings={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    ),
    State(
        "scikit-learn: forest",
        "sklearn",
        [
            "import numpy as np\nfrom sklearn.ensemble import RandomForestClassifier, HistGradientBoostingRegressor\nX = np.random.default_rng(0).random((60, 3)); y = (X[:, 0] > .5).astype(int); rf = RandomForestClassifier(5, random_state=0).fit(X, y); hg = HistGradientBoostingRegressor(max_iter=3).fit(X, y)"
        ],
        "print(rf.predict_proba(X[:2]), hg.predict(X[:2]).round(6), len(rf.estimators_))",
        batch="science",
        settings={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    ),
    State(
        "scikit-learn: shared random state",
        "sklearn",
        [
            "import numpy as np\nfrom sklearn.linear_model import SGDClassifier\nrs = np.random.RandomState(3); e1 = SGDClassifier(random_state=rs); e2 = SGDClassifier(random_state=rs)"
        ],
        "print(e1.random_state is rs, e2.random_state is rs, e1.random_state.rand(), rs.rand())",
        batch="science",
        settings={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    ),
    State(
        "scikit-learn: function transformer",
        "sklearn",
        [
            "import numpy as np\nfrom sklearn.preprocessing import FunctionTransformer\nfactor = 3\nft = FunctionTransformer(lambda X: X * factor); fl = FunctionTransformer(np.log1p)"
        ],
        "print(ft.transform(np.ones((1, 2)))); factor = 4; print(ft.transform(np.ones((1, 2))), fl.func is np.log1p)",
        batch="science",
        settings={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    ),
    State(
        "scikit-learn: own estimator",
        "sklearn",
        [
            "import numpy as np\nfrom sklearn.base import BaseEstimator, TransformerMixin, clone\nclass Add(TransformerMixin, BaseEstimator):\n    def __init__(self, k=1): self.k = k\n    def fit(self, X, y=None): self.n_ = X.shape[1]; return self\n    def transform(self, X): return X + self.k\nad = Add(5).fit(np.ones((2, 2)))"
        ],
        "print(ad.transform(np.zeros((1, 2))), type(clone(ad)) is Add, ad.n_, ad)",
        batch="science",
        settings={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    ),
    State(
        "scikit-learn: grid search",
        "sklearn",
        [
            "import numpy as np\nfrom sklearn.model_selection import GridSearchCV, KFold\nfrom sklearn.linear_model import Ridge\nX = np.random.default_rng(0).random((30, 3)); y = X.sum(1); gs = GridSearchCV(Ridge(), {'alpha': [.1, 1.]}, cv=KFold(3)).fit(X, y)"
        ],
        "print(gs.best_params_, gs.predict(X[:1]).round(6), gs.cv.n_splits)",
        batch="science",
        settings={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    ),
    State(
        "scikit-learn: neighbors tree",
        "sklearn",
        [
            "import numpy as np\nfrom torch import nn\nfrom sklearn.neighbors import NearestNeighbors, KDTree\nX = np.random.default_rng(0).random((30, 3)); nn = NearestNeighbors(n_neighbors=2).fit(X); kt = KDTree(X)"
        ],
        "print(nn.kneighbors(X[:1])[1], kt.query(X[:1], 2)[1])",
        batch="science",
        settings={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    ),
    State(
        "scikit-learn: gaussian process",
        "sklearn",
        [
            "import numpy as np\nfrom sklearn.gaussian_process import GaussianProcessRegressor, kernels\ngp = GaussianProcessRegressor(kernels.RBF() + kernels.WhiteKernel(), random_state=0).fit(np.arange(5.)[:, None], np.arange(5.))"
        ],
        "print(gp.predict([[2.5]]).round(4), gp.kernel_)",
        batch="science",
        settings={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    ),
    State(
        "scikit-learn: vectorizer bunch",
        "sklearn",
        [
            "from sklearn.feature_extraction.text import TfidfVectorizer\nfrom sklearn.datasets import load_iris\ntv = TfidfVectorizer().fit(['a bb', 'bb cc']); iris = load_iris()"
        ],
        "print(tv.vocabulary_, iris.data.shape, iris['target'][:2], type(iris).__name__)",
        batch="science",
        settings={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    ),
    State(
        "scikit-learn: set config",
        "sklearn",
        ["import sklearn\nsklearn.set_config(working_memory=77, print_changed_only=False)"],
        "print(sklearn.get_config()['working_memory'], sklearn.get_config()['print_changed_only']); sklearn.set_config(working_memory=1024, print_changed_only=True)",
        batch="science",
        settings={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        requires=("sklearn",),
    ),
    State(
        "scikit-learn: splits generator",
        "sklearn",
        [
            "import numpy as np\nfrom sklearn.model_selection import KFold\nspl = KFold(3).split(np.arange(6)); one = next(spl)"
        ],
        "print(next(spl)[1])",
        batch="science",
        settings={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        expected="rebuilt",
    ),
    State(
        "xarray: xr dataset",
        "xarray",
        [
            "import numpy as np\nimport xarray as xr\nds = xr.Dataset({'t': (('x', 'y'), np.arange(6.).reshape(2, 3), {'u': 'K'})}, coords={'x': [10, 20]}, attrs={'title': 'T'}); ds.t.encoding['dtype'] = 'f4'"
        ],
        "print(ds, ds.t.attrs, ds.attrs, ds.t.encoding, ds.sel(x=20).t.values)",
        batch="science",
        requires=("xarray",),
    ),
    State(
        "xarray: xr share numpy",
        "xarray",
        [
            "import numpy as np\nimport xarray as xr\na = np.zeros((2, 2)); da = xr.DataArray(a, dims=('p', 'q')); al = da; sub = da[0]"
        ],
        "a[0, 0] = 5; print(float(da[0, 0]), al is da, float(sub[0]), np.shares_memory(a, da.values))",
        batch="science",
        requires=("xarray",),
    ),
    State(
        "xarray: xr from dataset",
        "xarray",
        ["import numpy as np\nimport xarray as xr\nds = xr.Dataset({'t': ('x', np.arange(3.))}); v = ds['t']"],
        "v[0] = 9; print(float(ds.t[0])); v.attrs['n'] = 1; print(ds.t.attrs)",
        batch="science",
        requires=("xarray",),
    ),
    State(
        "xarray: xr indexes",
        "xarray",
        [
            "import numpy as np\nimport pandas as pd\nimport xarray as xr\nimport pandas as pd\nda = xr.DataArray(np.arange(4), coords={'t': pd.date_range('2024', periods=4)}, dims='t', name='n'); mi = xr.DataArray(np.arange(4).reshape(2, 2), dims=('a', 'b'), coords={'a': [1, 2], 'b': ['u', 'v']}).stack(z=('a', 'b'))"
        ],
        "print(da.t.dt.day.values, da.indexes['t'].freq, mi.indexes['z'].names, mi.unstack('z').shape)",
        batch="science",
        requires=("pandas", "xarray"),
    ),
    State(
        "xarray: xr groupby",
        "xarray",
        [
            "import numpy as np\nimport xarray as xr\nds = xr.Dataset({'v': ('x', np.arange(4.))}, coords={'g': ('x', list('aabb'))}); g = ds.groupby('g'); r = ds.rolling(x=2); w = ds.v.weighted(xr.ones_like(ds.v))"
        ],
        "print(g.mean().v.values, r.mean().v.values, float(w.mean()))",
        batch="science",
        requires=("xarray",),
    ),
    State(
        "xarray: xr lazy netcdf",
        "xarray",
        [
            "import numpy as np\nimport xarray as xr\nxr.Dataset({'t': ('x', np.arange(5.))}, attrs={'k': 'v'}).to_netcdf('l.nc', engine='h5netcdf'); nc = xr.open_dataset('l.nc', engine='h5netcdf')"
        ],
        "print(nc.t.values, nc.attrs, nc.encoding.get('source', '')[-4:], nc.t.encoding.get('dtype'))",
        batch="science",
        requires=("xarray", "h5netcdf"),
    ),
    State(
        "xarray: xr lazy netcdf4",
        "xarray",
        [
            "import numpy as np\nimport xarray as xr\nxr.Dataset({'t': ('x', np.arange(5.))}).to_netcdf('m.nc', engine='netcdf4'); nc4 = xr.open_dataset('m.nc', engine='netcdf4')"
        ],
        "print(nc4.t.values)",
        batch="science",
        requires=("xarray", "netCDF4"),
    ),
    State(
        "xarray: xr netcdf changed",
        "xarray",
        [
            "import numpy as np\nimport xarray as xr\nxr.Dataset({'t': ('x', np.arange(5.))}).to_netcdf('ch.nc', engine='h5netcdf'); och = xr.open_dataset('ch.nc', engine='h5netcdf')",
            "och.close(); xr.Dataset({'t': ('x', np.arange(5.) * 2)}).to_netcdf('ch.nc', engine='h5netcdf')",
        ],
        "print(och.attrs)",
        batch="netcdf changed",
        requires=("xarray", "h5netcdf"),
    ),
    State(
        "xarray: xr loaded netcdf",
        "xarray",
        [
            "import numpy as np\nimport xarray as xr\nxr.Dataset({'t': ('x', np.arange(5.))}).to_netcdf('ll.nc', engine='h5netcdf'); nl = xr.load_dataset('ll.nc', engine='h5netcdf')"
        ],
        "print(nl.t.values)",
        batch="science",
        requires=("xarray", "h5netcdf"),
    ),
    State(
        "xarray: xr dask",
        "xarray",
        [
            "import numpy as np\nimport xarray as xr\ndk = xr.DataArray(np.arange(12.).reshape(3, 4), dims=('a', 'b')).chunk({'a': 1}); tot = dk.sum()"
        ],
        "print(dk.chunks, float(tot.compute(scheduler='sync')))",
        batch="science",
        requires=("xarray",),
    ),
    State(
        "xarray: xr accessor",
        "xarray",
        [
            "import xarray as xr\n@xr.register_dataarray_accessor('mine')\nclass Mine:\n    def __init__(self, obj): self.obj = obj\n    def twice(self): return self.obj * 2\nda = xr.DataArray([1, 2])"
        ],
        "print(da.mine.twice().values)",
        batch="accessor",
        requires=("xarray",),
    ),
    State(
        "xarray: xr datatree",
        "xarray",
        [
            "import xarray as xr\ndt = xr.DataTree.from_dict({'/': xr.Dataset({'a': 1}), '/kid': xr.Dataset({'b': ('x', [1, 2])})}); kid = dt['kid']"
        ],
        "print(dt, kid.parent is dt)",
        batch="datatree",
        requires=("xarray",),
    ),
    State(
        "networkx: nx graph",
        "networkx",
        [
            "import networkx as nx\ng = nx.Graph(); g.add_edge('a', 'b', w=1); g.add_node('c', tags=['x']); g.graph['name'] = 'G'"
        ],
        "print(g.edges(data=True), g.nodes['c'], g.graph, nx.shortest_path(g, 'a', 'b'))",
        batch="graphs",
        requires=("networkx",),
    ),
    State(
        "networkx: nx shared attrs",
        "networkx",
        [
            "import networkx as nx\nbox = []; g = nx.DiGraph(); g.add_node(1, box=box); h = nx.DiGraph(g); sub = g.subgraph([1]); att = g.nodes[1]"
        ],
        "att['box'].append(5); print(box, h.nodes[1]['box'], sub.nodes[1]['box'] is box, g.nodes[1] is att)",
        batch="graphs",
        requires=("networkx",),
    ),
    State(
        "networkx: nx views",
        "networkx",
        [
            "import networkx as nx\ng = nx.path_graph(4); nodes = g.nodes; ev = g.edges; adj = g.adj; rv = nx.DiGraph(g).reverse(copy=False)"
        ],
        "g.add_edge(3, 9); print(list(nodes), (3, 9) in ev, 9 in adj[3], list(rv.edges)[:2])",
        batch="graphs",
        requires=("networkx",),
    ),
    State(
        "networkx: nx filtered",
        "networkx",
        [
            "import networkx as nx\ng = nx.path_graph(5); keep = {0, 1, 2}; v = nx.subgraph_view(g, filter_node=lambda n: n in keep)"
        ],
        "keep.add(3); print(list(v.nodes), list(v.edges))",
        batch="graphs",
        requires=("networkx",),
    ),
    State(
        "networkx: nx nodes objects",
        "networkx",
        [
            "import networkx as nx\nclass City:\n    def __init__(self, n): self.n = n\na, b = City('a'), City('b'); g = nx.Graph([(a, b)])"
        ],
        "print(a in g, [n.n for n in g[a]], list(g)[0] is a)",
        batch="graphs",
        requires=("networkx",),
    ),
    State(
        "networkx: nx multi",
        "networkx",
        [
            "import networkx as nx\ng = nx.MultiDiGraph([(0, 1), (0, 1)]); g[0][1][0]['w'] = 3; pos = nx.spring_layout(g, seed=1)"
        ],
        "print(g.number_of_edges(0, 1), g.get_edge_data(0, 1), {k: v.round(4).tolist() for k, v in pos.items()})",
        batch="graphs",
        requires=("networkx",),
    ),
]
