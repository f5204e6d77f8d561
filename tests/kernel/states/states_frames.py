"""States of pandas, polars and Arrow: frames, what shares memory, lazy objects, handles."""

# ruff: noqa: E501  # a cell's code stays together

from state_table import State

STATES = [
    State(
        "pandas: df simple",
        "frames",
        [
            "import numpy as np\nimport pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3], 'b': list('xyz'), 'c': [1.5, np.nan, 3]})"
        ],
        "print(df, df.dtypes.to_dict(), df.index); df.loc[0, 'a'] = 5; print(df)",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: df attrs flags",
        "frames",
        [
            "import pandas as pd\ndf = pd.DataFrame({'a': [1]}); df.attrs['unit'] = {'a': 'm'}; df2 = df.set_flags(allows_duplicate_labels=False)"
        ],
        "print(df.attrs, df2.attrs, df2.flags.allows_duplicate_labels, df.flags.allows_duplicate_labels)",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: df index names",
        "frames",
        [
            "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]}, index=pd.Index([5, 6], name='k')); df.columns.name = 'cols'"
        ],
        "print(df.index, df.columns)",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: multiindex",
        "frames",
        [
            "import pandas as pd\nmi = pd.MultiIndex.from_product([['x', 'y'], [1, 2]], names=['l', 'n']); df = pd.DataFrame({'v': range(4)}, index=mi)"
        ],
        "print(df.loc['y'], df.index.names, df.index.equals(mi), df.index.levels[1].dtype)",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: multiindex columns unused levels",
        "frames",
        [
            "import numpy as np\nimport pandas as pd\ndf = pd.DataFrame(np.arange(8).reshape(2, 4), columns=pd.MultiIndex.from_product([['a', 'b'], [1, 2]])); part = df[['a']]"
        ],
        "print(part.columns.levels, part, df['b'])",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: categorical",
        "frames",
        [
            "import pandas as pd\nc = pd.Series(['lo', 'hi', None], dtype=pd.CategoricalDtype(['lo', 'mid', 'hi'], ordered=True))"
        ],
        "print(c, c.cat.categories, c.cat.ordered, c.max())",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: extension dtypes",
        "frames",
        [
            "import pandas as pd\ndf = pd.DataFrame({'i': pd.array([1, None], 'Int64'), 'b': pd.array([True, None], 'boolean'), 's': pd.array(['q', None], 'string'), 'f': pd.array([1.5, None], 'Float32')})"
        ],
        "print(df, df.dtypes.to_dict(), df.i[1] is pd.NA)",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: arrow dtypes",
        "frames",
        [
            "import pandas as pd\nimport pyarrow as pa\ndf = pd.DataFrame({'i': pd.array([1, None], 'int64[pyarrow]'), 's': pd.array(['q', None], 'string[pyarrow]'), 'l': pd.Series([[1], None], dtype=pd.ArrowDtype(pa.list_(pa.int64()))), 'd': pd.array([None, 3], pd.ArrowDtype(pa.decimal128(5, 2)))})"
        ],
        "print(df, df.dtypes.to_dict())",
        batch="frames",
        requires=("pandas", "pyarrow"),
    ),
    State(
        "pandas: str dtype default",
        "frames",
        ["import pandas as pd\ns = pd.Series(['a', None, 'c']); t = s.str.upper()"],
        "print(s.dtype, t, s.dtype == t.dtype, s[1])",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: sparse",
        "frames",
        ["import pandas as pd\ns = pd.Series(pd.arrays.SparseArray([0, 0, 1, 0])); df = pd.DataFrame({'z': s})"],
        "print(s.dtype, s.sparse.density, df.dtypes)",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: timestamps",
        "frames",
        [
            "import pandas as pd\nt = pd.Timestamp('2024-03-31 01:30', tz='Europe/Berlin'); d = pd.Timedelta('1D 2h'); n = pd.NaT; u = pd.Timestamp('2024', unit='s') if False else pd.Timestamp('2024').as_unit('s')"
        ],
        "print(t, t + d, repr(t.tz), n is pd.NaT, u.unit, d)",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: periods intervals",
        "frames",
        [
            "import pandas as pd\np = pd.Period('2024Q1'); i = pd.Interval(0, 2, closed='left'); pi = pd.period_range('2024', periods=3, freq='M'); ii = pd.interval_range(0, 3, closed='both')"
        ],
        "print(p, i, pi, ii, 1 in i)",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: tz index freq",
        "frames",
        [
            "import pandas as pd\nix = pd.date_range('2024-01-01', periods=4, freq='D', tz='UTC'); s = pd.Series(range(4), ix)"
        ],
        "print(s.index.freq, s.index.tz, s.shift(1, freq='D'))",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: offsets",
        "frames",
        [
            "import pandas as pd\no = [pd.offsets.BusinessDay(2), pd.offsets.MonthEnd(), pd.tseries.frequencies.to_offset('15min')]; h = pd.offsets.CustomBusinessDay(holidays=['2024-01-02'])"
        ],
        "print(o, pd.Timestamp('2024-01-01') + h)",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: series from frame",
        "copy on write",
        ["import pandas as pd\ndf = pd.DataFrame({'a': [1., 2., 3.], 'b': [4., 5., 6.]}); s = df['a']"],
        "s[0] = 99; print(df.a[0], s[0]); df.loc[1, 'a'] = 7; print(s[1], df.a[1])",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: frame shallow copies",
        "copy on write",
        ["import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3]}); e = df[:]; f = df.copy(deep=False)"],
        "e.iloc[0, 0] = 9; f.iloc[1, 0] = 8; print(df, e, f)",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: frame of array",
        "copy on write",
        ["import numpy as np\nimport pandas as pd\na = np.arange(6.).reshape(3, 2); df = pd.DataFrame(a, copy=False)"],
        "a[0, 0] = 50; print(df.iloc[0, 0]); df.iloc[0, 0] = 1; print(a[0, 0], df.iloc[0, 0])",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: values of frame",
        "copy on write",
        [
            "import numpy as np\nimport pandas as pd\ndf = pd.DataFrame({'a': [1., 2.], 'b': [3., 4.]}); v = df.to_numpy()"
        ],
        "print(v.flags.writeable, np.shares_memory(v, df.to_numpy())); df.loc[0, 'a'] = 7; print(v[0, 0])",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: column arrays",
        "copy on write",
        [
            "import numpy as np\nimport pandas as pd\ndf = pd.DataFrame({'a': [1., 2.], 'b': [3., 4.]}); v = df['a'].values"
        ],
        "print(v.flags.writeable, np.shares_memory(v, df['a'].values)); df.loc[0, 'a'] = 7; print(v[0])",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: frame alias",
        "aliases",
        ["import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})", "same = df; box = {'df': df}"],
        "same['n'] = 1; print(box['df'] is df, df.columns.tolist())",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: views made later cells",
        "copy on write",
        [
            "import numpy as np\nimport pandas as pd\ndf = pd.DataFrame(np.zeros((1000, 4)), columns=list('abcd'))",
            "v = df.loc[10:20, ['a', 'b']]",
            "df.loc[15, 'a'] = 3",
        ],
        "print(v.loc[15, 'a'], df.loc[15, 'a']); v.loc[15, 'b'] = 4; print(df.loc[15, 'b'])",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: groupby holds frame",
        "library objects",
        ["import pandas as pd\ndf = pd.DataFrame({'k': list('aab'), 'v': [1, 2, 3]}); g = df.groupby('k')"],
        "print(g.v.sum(), g.obj is df, g.ngroups, list(g.groups))",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: rolling",
        "library objects",
        [
            "import pandas as pd\ns = pd.Series(range(5.0.__int__())); r = s.rolling(2, min_periods=1); x = s.expanding(); w = s.ewm(alpha=.5)"
        ],
        "print(r.sum().tolist(), x.max().tolist(), w.mean().tolist(), r.obj is s)",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: resample",
        "library objects",
        [
            "import pandas as pd\ns = pd.Series(range(4), pd.date_range('2024', periods=4, freq='12h')); r = s.resample('D')"
        ],
        "print(r.sum())",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: styler",
        "library objects",
        [
            "import pandas as pd\ndf = pd.DataFrame({'a': [1, -2]}); st = df.style.format('{:.1f}').highlight_max(color='red')"
        ],
        "print(st.data is df, 'background-color: red' in st.to_html(table_uuid='u'), '-2.0' in st.to_html(table_uuid='u'))",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: plot accessor",
        "library objects",
        [
            "import pandas as pd\ns = pd.Series([1, 2]); st = pd.Series(['a']).str; dt = pd.Series(pd.to_datetime(['2024-05-06'])).dt"
        ],
        "print(st.upper().tolist(), dt.year.tolist())",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: object columns",
        "frames",
        ["import pandas as pd\nl = [1]; df = pd.DataFrame({'o': [l, {'k': l}, None]})"],
        "l.append(2); print(df.o[0] is l, df.o[1]['k'] is l, df.o.tolist())",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: frame subclass",
        "frames",
        [
            "import pandas as pd\nimport scipy.sparse as sp\nclass Special(pd.DataFrame):\n    _metadata = ['note']\n    @property\n    def _constructor(self): return Special\nsp = Special({'a': [1]}); sp.note = 'hello'"
        ],
        "print(type(sp) is Special, sp.note, type(sp[['a']]) is Special)",
        batch="frames",
        requires=("pandas", "scipy"),
    ),
    State(
        "pandas: registered accessor",
        "frames",
        [
            "import pandas as pd\n@pd.api.extensions.register_dataframe_accessor('mine')\nclass Mine:\n    def __init__(self, df): self.df = df\n    def total(self): return int(self.df.sum().sum())\ndf = pd.DataFrame({'a': [1, 2]})"
        ],
        "print(df.mine.total())",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: excel writer",
        "handles",
        [
            "import pandas as pd\new = pd.ExcelWriter('x.xlsx', engine='openpyxl'); pd.DataFrame({'a': [1]}).to_excel(ew, sheet_name='s')"
        ],
        "print(ew.sheets['s'].title)",
        batch="frames",
        expected="rebuilt",
        jump="reported",
        lost=("ew",),
        requires=("pandas", "openpyxl"),
    ),
    State(
        "pandas: hdf store",
        "handles",
        ["import pandas as pd\nhs = pd.HDFStore('s.h5', 'w'); hs['k'] = pd.Series([1, 2])"],
        "print(hs['k'].tolist())",
        batch="frames",
        expected="rebuilt",
        jump="reported",
        lost=("hs",),
        requires=("pandas", "tables"),
    ),
    State(
        "pandas: csv chunks",
        "handles",
        [
            "import pandas as pd\npd.DataFrame({'a': range(10)}).to_csv('c.csv', index=False); rd = pd.read_csv('c.csv', chunksize=4); first = next(rd)"
        ],
        "print(next(rd).a.tolist())",
        batch="frames",
        expected="reported",
        lost=("rd",),
        requires=("pandas",),
    ),
    State(
        "pandas: itertuples",
        "library objects",
        [
            "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3]}); it = df.itertuples(); next(it); gi = iter(df.groupby('a'))"
        ],
        "print(next(it).a)",
        batch="frames",
        expected="rebuilt",
        requires=("pandas",),
    ),
    State(
        "pandas: named agg",
        "library objects",
        [
            "import pandas as pd\nagg = dict(m=pd.NamedAgg('v', 'mean')); df = pd.DataFrame({'k': [1, 1], 'v': [1., 3.]})"
        ],
        "print(df.groupby('k').agg(**agg))",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: big frame",
        "frames",
        [
            "import numpy as np\nimport pandas as pd\ndf = pd.DataFrame(np.random.default_rng(0).random((200000, 3)), columns=list('xyz')); part = df.iloc[100:200]"
        ],
        "print(df.x.sum(), part.shape, df._mgr.nblocks, len(df)); df.loc[5, 'x'] = 0; df['n'] = 1; print(df.loc[5, 'x'], df.shape)",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: frame with views of memory",
        "frames",
        [
            "import numpy as np\nimport pandas as pd\na = np.arange(12.).reshape(4, 3); df = pd.DataFrame(a, columns=list('abc')); t = df.T"
        ],
        "print(t.iloc[0, 1], df.iloc[1, 0]); t.iloc[0, 1] = -1; print(df.iloc[1, 0])",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: index objects",
        "frames",
        [
            "import pandas as pd\nix = [pd.RangeIndex(3), pd.Index([1., 2.]), pd.CategoricalIndex(['a']), pd.DatetimeIndex(['2024']), pd.TimedeltaIndex(['1D']), pd.Index([(1, 2)], tupleize_cols=False)]"
        ],
        "print(ix)",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: duplicates mixed labels",
        "frames",
        ["import pandas as pd\ndf = pd.DataFrame([[1, 'a', 2.]], columns=['x', 'x', 5], index=[None])"],
        "print(df, df.columns, df.index, df.dtypes.tolist())",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: empty frames",
        "frames",
        [
            "import pandas as pd\ne = pd.DataFrame(); f = pd.DataFrame(columns=['a'], dtype='i4'); g = pd.Series(dtype='category')"
        ],
        "print(e, f.dtypes, g)",
        batch="frames",
        requires=("pandas",),
    ),
    State(
        "pandas: arrow backed share",
        "frames",
        [
            "import pandas as pd\nimport pyarrow as pa\ntbl = pa.table({'a': [1, 2, 3]}); df = tbl.to_pandas(types_mapper=pd.ArrowDtype)"
        ],
        "print(df, df.dtypes, tbl)",
        batch="frames",
        requires=("pandas", "pyarrow"),
    ),
    State(
        "polars: pl frame",
        "polars",
        ["import polars as pl\ndf = pl.DataFrame({'a': [1, None, 3], 's': ['x', 'y', None], 'l': [[1], [], None]})"],
        "print(df, df.schema)",
        batch="frames",
        requires=("polars",),
    ),
    State(
        "polars: pl lazy",
        "polars",
        [
            "import polars as pl\ndf = pl.DataFrame({'a': [1, 2, 3]}); k = 2; lf = df.lazy().filter(pl.col('a') >= k).with_columns(b=pl.col('a') * 2)"
        ],
        "print(lf.collect(), lf.collect_schema())",
        batch="frames",
        requires=("polars",),
    ),
    State(
        "polars: pl expr",
        "polars",
        ["import polars as pl\ne = (pl.col('a') + 1).alias('b'); w = pl.when(pl.col('a') > 1).then(1).otherwise(0)"],
        "print(pl.DataFrame({'a': [1, 2]}).select(e, w.alias('w')))",
        batch="frames",
        requires=("polars",),
    ),
    State(
        "polars: pl expr udf",
        "polars",
        ["import polars as pl\ne = pl.col('a').map_elements(lambda x: x * 10, return_dtype=pl.Int64)"],
        "print(pl.DataFrame({'a': [1, 2]}).select(e))",
        batch="frames",
        expected="rebuilt",
        requires=("polars",),
    ),
    State(
        "polars: pl lazy udf",
        "polars",
        [
            "import polars as pl\nmult = 3\ndef tri(s): return s * mult\nlf = pl.DataFrame({'a': [1, 2]}).lazy().select(pl.col('a').map_batches(tri, return_dtype=pl.Int64))"
        ],
        "print(lf.collect()); mult = 5; print(lf.collect())",
        batch="frames",
        expected="rebuilt",
        requires=("polars",),
    ),
    State(
        "polars: pl categorical",
        "polars",
        [
            "import polars as pl\ns = pl.Series(['a', 'b', 'a'], dtype=pl.Categorical); en = pl.Series(['lo', 'hi'], dtype=pl.Enum(['lo', 'hi']))"
        ],
        "print(s, en, en.to_physical().to_list(), s.dtype, en.dtype)",
        batch="frames",
        requires=("polars",),
    ),
    State(
        "polars: pl types",
        "polars",
        [
            "import polars as pl\ndf = pl.DataFrame({'d': [None], 't': [None]}, schema={'d': pl.Decimal(10, 2), 't': pl.Datetime('us', 'UTC')}); ar = pl.Series([[1, 2]], dtype=pl.Array(pl.Int8, 2)); st = pl.Series([{'x': 1}]); b = pl.Series([b'z'])"
        ],
        "print(df.schema, ar, st, b)",
        batch="frames",
        requires=("polars",),
    ),
    State(
        "polars: pl object",
        "polars",
        [
            "import polars as pl\nclass Thing:\n    def __init__(self, n): self.n = n\nob = pl.Series('o', [Thing(1), Thing(2)], dtype=pl.Object)"
        ],
        "print(ob.dtype, ob[0].n)",
        batch="frames",
        expected="rebuilt",
        requires=("polars",),
    ),
    State(
        "polars: pl alias",
        "polars",
        ["import polars as pl\ndf = pl.DataFrame({'a': [1, 2]})", "same = df; box = [df]", "s = df['a']"],
        "df.insert_column(1, pl.Series('z', [5, 6])); print(box[0] is df, same.columns, s.to_list())",
        batch="frames",
        requires=("polars",),
    ),
    State(
        "polars: pl groupby",
        "polars",
        ["import polars as pl\ndf = pl.DataFrame({'k': ['a', 'a'], 'v': [1, 2]}); g = df.group_by('k')"],
        "print(g.agg(pl.col('v').sum()))",
        batch="frames",
        requires=("polars",),
    ),
    State(
        "polars: pl config",
        "polars",
        ["import polars as pl\npl.Config.set_tbl_rows(3); pl.Config.set_fmt_float('full')"],
        "print(pl.DataFrame({'a': range(9)})); pl.Config.restore_defaults(); print(pl.Config.state(if_set=True))",
        batch="frames",
        requires=("polars",),
    ),
    State(
        "polars: pl flags",
        "polars",
        ["import polars as pl\ns = pl.Series([1, 2, 3]).set_sorted()"],
        "print(s.flags['SORTED_ASC'], s)",
        batch="frames",
        requires=("polars",),
    ),
    State(
        "polars: pl numpy share",
        "polars",
        ["import polars as pl\ns = pl.Series([1., 2.]); v = s.to_numpy()"],
        "print(v.flags.writeable, v.tolist())",
        batch="frames",
        requires=("polars",),
    ),
    State(
        "polars: pl large",
        "polars",
        [
            "import numpy as np\nimport polars as pl\ndf = pl.DataFrame({'x': np.arange(500000), 'y': np.arange(500000) / 2})"
        ],
        "print(df['y'].sum(), df.shape)",
        batch="frames",
        requires=("polars",),
    ),
    State(
        "polars: pl sql",
        "polars",
        ["import polars as pl\ndf = pl.DataFrame({'a': [1, 2]}); ctx = pl.SQLContext(frames={'t': df})"],
        "print(ctx.execute('select sum(a) as s from t').collect())",
        batch="frames",
        expected="rebuilt",
        requires=("polars",),
    ),
    State(
        "arrow: pa table",
        "arrow",
        ["import pyarrow as pa\nt = pa.table({'a': [1, None], 's': ['x', 'y']}, metadata={'k': 'v'})"],
        "print(t, t.schema.metadata)",
        batch="frames",
        requires=("pyarrow",),
    ),
    State(
        "arrow: pa field metadata",
        "arrow",
        [
            "import pyarrow as pa\nsch = pa.schema([pa.field('a', pa.int8(), nullable=False, metadata={'u': 'm'})]); t = pa.table({'a': pa.array([1], pa.int8())}, schema=sch)"
        ],
        "print(t.schema.field('a').metadata, t.schema.field('a').nullable, sch.equals(t.schema, check_metadata=True))",
        batch="frames",
        requires=("pyarrow",),
    ),
    State(
        "arrow: pa chunked",
        "arrow",
        ["import pyarrow as pa\nc = pa.chunked_array([[1, 2], [3]]); e = pa.chunked_array([], pa.int8())"],
        "print(c.num_chunks, c.to_pylist(), e.type)",
        batch="frames",
        requires=("pyarrow",),
    ),
    State(
        "arrow: pa batch dictionary",
        "arrow",
        [
            "import pyarrow as pa\nd = pa.array(['a', 'b', 'a']).dictionary_encode(); b = pa.record_batch([d], names=['d']); ordered = pa.DictionaryArray.from_arrays([0, 1], ['lo', 'hi'], ordered=True)"
        ],
        "print(d.type, d.dictionary, b, ordered.type.ordered)",
        batch="frames",
        requires=("pyarrow",),
    ),
    State(
        "arrow: pa slice",
        "arrow",
        ["import pyarrow as pa\na = pa.array(range(100000)); s = a[5:8]; t = pa.table({'a': a}).slice(10, 2)"],
        "print(s.to_pylist(), s.offset, t.to_pydict())",
        batch="frames",
        requires=("pyarrow",),
    ),
    State(
        "arrow: pa buffer",
        "arrow",
        ["import pyarrow as pa\nbuf = pa.py_buffer(b'hello'); part = buf.slice(1, 3)"],
        "print(buf.to_pybytes(), part.to_pybytes(), buf.is_mutable)",
        batch="frames",
        requires=("pyarrow",),
    ),
    State(
        "arrow: pa mutable shared",
        "arrow",
        ["import numpy as np\nimport pyarrow as pa\nsrc = np.arange(4.); arr = pa.array(src)"],
        "src[0] = 9; print(arr.to_pylist(), np.shares_memory(src, arr.to_numpy()))",
        batch="frames",
        requires=("pyarrow",),
    ),
    State(
        "arrow: pa scalars types",
        "arrow",
        [
            "import pyarrow as pa\nxs = [pa.scalar(1), pa.scalar('x'), pa.scalar(None), pa.int32(), pa.struct([('a', pa.list_(pa.float32()))])]"
        ],
        "print(xs, xs[0].as_py())",
        batch="frames",
        requires=("pyarrow",),
    ),
    State(
        "arrow: pa dataset",
        "arrow",
        [
            "import pyarrow as pa\nimport pyarrow.dataset as ds, pyarrow.parquet as pq\npq.write_table(pa.table({'a': [1, 2, 3]}), 'd.parquet'); dset = ds.dataset('d.parquet'); pf = pq.ParquetFile('d.parquet')"
        ],
        "print(dset.to_table(filter=ds.field('a') > 1).to_pydict(), dset.files)",
        batch="frames",
        requires=("pyarrow",),
    ),
    State(
        "arrow: pa parquet file",
        "arrow",
        [
            "import pyarrow as pa\nimport pyarrow.parquet as pq\npq.write_table(pa.table({'a': [1, 2, 3]}), 'e.parquet'); pf = pq.ParquetFile('e.parquet')"
        ],
        "print(pf.metadata.num_rows, pf.read().to_pydict())",
        batch="frames",
        expected="reported",
        lost=("pf",),
        requires=("pyarrow",),
    ),
    State(
        "arrow: pa extension",
        "arrow",
        [
            "import pyarrow as pa\nclass UuidLike(pa.ExtensionType):\n    def __init__(self): super().__init__(pa.binary(2), 'mine.uuid')\n    def __arrow_ext_serialize__(self): return b''\n    @classmethod\n    def __arrow_ext_deserialize__(cls, storage, data): return cls()\next = pa.ExtensionArray.from_storage(UuidLike(), pa.array([b'ab'], pa.binary(2)))"
        ],
        "print(ext.type.extension_name, type(ext.type) is UuidLike, ext.to_pylist())",
        batch="frames",
        requires=("pyarrow",),
    ),
    State(
        "arrow: pa expr fs",
        "arrow",
        [
            "import pyarrow.compute as pc, pyarrow.fs as fs\nex = pc.field('a') > 1; lf = fs.LocalFileSystem(); fn = pc.sum"
        ],
        "print(ex, lf == fs.LocalFileSystem(), fn([1, 2]))",
        batch="frames",
    ),
    State(
        "arrow: pa writer",
        "arrow",
        [
            "import pyarrow as pa\nsink = pa.BufferOutputStream(); wr = pa.ipc.new_stream(sink, pa.schema([('a', pa.int64())]))"
        ],
        "print(wr.stats)",
        batch="frames",
        expected="rebuilt",
        requires=("pyarrow",),
    ),
    State(
        "arrow: pa reader",
        "arrow",
        [
            "import pyarrow as pa\nsink = pa.BufferOutputStream()\nwith pa.ipc.new_stream(sink, pa.schema([('a', pa.int64())])) as w: w.write_table(pa.table({'a': [1]})); w.write_table(pa.table({'a': [2]}))\nrd = pa.ipc.open_stream(sink.getvalue()); first = rd.read_next_batch()\ndel w"
        ],
        "print(rd.read_next_batch().to_pydict())",
        batch="frames",
        expected="rebuilt",
        requires=("pyarrow",),
    ),
]
