"""States of the standard library: containers, dates and numbers, text, files, threads, databases."""

# ruff: noqa: E501  # a cell's code stays together

from state_table import State

CONTAINERS = [
    State(
        "a deque with a limit",
        "containers",
        ["import collections\nd = collections.deque([1, 2], maxlen=3)\ne = d", "d.append(3)"],
        "d.append(4)\nprint(d, e is d)",
    ),
    State(
        "a defaultdict with a lambda",
        "containers",
        ["import collections\nd = collections.defaultdict(lambda: [0])", "d['a'].append(1)", "a = d['a']"],
        "a.append(2)\nprint(d['a'], d['b'], d.default_factory is not None)",
    ),
    State(
        "Counter, OrderedDict, ChainMap, UserDict",
        "containers",
        [
            "import collections\nc = collections.Counter('aab')\no = collections.OrderedDict(b=1, a=2)\nbase = {'x': 1}\nm = collections.ChainMap({}, base)\nu = collections.UserDict(k=1)",
            "o.move_to_end('b')\nm['y'] = 2",
        ],
        "base['x'] = 9\nc['b'] += 1\nprint(c, list(o), m['x'], m.maps[1] is base, u)",
    ),
    State(
        "UserList and UserString",
        "containers",
        ["import collections\nl = collections.UserList([1])\ns = collections.UserString('ab')\ninner = l.data"],
        "inner.append(2)\nprint(l, s.upper(), l.data is inner)",
    ),
    State(
        "array.array, shared and changed",
        "containers",
        ["import array\na = array.array('d', [1, 2])\nb = a", "a[0] = 5"],
        "a.append(7)\nprint(b, a is b)",
    ),
    State(
        "a heap and a bisected list",
        "containers",
        ["import heapq, bisect\nh = [5, 1, 4]\nheapq.heapify(h)\nb = [1, 3]\nbisect.insort(b, 2)"],
        "print(heapq.heappop(h), b)",
    ),
    State(
        "dict views share their dict",
        "containers",
        ["d = {'a': 1}\nk, v, i = d.keys(), d.values(), d.items()", "d['b'] = 2"],
        "d['c'] = 3\nprint(list(k), list(v), len(i), k.mapping == d)",
    ),
    State(
        "a mappingproxy shares its dict",
        "containers",
        ["import types\nd = {'a': 1}\np = types.MappingProxyType(d)"],
        "d['b'] = 2\nprint(p)",
    ),
    State(
        "a SimpleNamespace, nested and shared",
        "containers",
        ["import types\nn = types.SimpleNamespace(a=[1])\nm = types.SimpleNamespace(n=n)\na = n.a"],
        "a.append(2)\nprint(m, m.n is n)",
    ),
    State(
        "a type of the types module",
        "containers",
        ["import types\nx = [types.FunctionType, types.GeneratorType, types.ModuleType, types.CellType, type(None)]"],
        "print(x, x[1] is types.GeneratorType)",
    ),
    State(
        "a namedtuple that holds lists",
        "containers",
        ["import collections\nP = collections.namedtuple('P', 'x y')\nl = [1]\np = P(l, 2)"],
        "l.append(2)\nprint(p, p._replace(y=3), type(p) is P)",
    ),
    State(
        "a graph in a dict of sets",
        "containers",
        ["g = {n: {n + 1, n - 1} for n in range(50)}", "g[3].add(99)"],
        "print(sorted(g[3]), len(g))",
    ),
    State(
        "TopologicalSorter",
        "containers",
        ["import graphlib\nt = graphlib.TopologicalSorter({'b': {'a'}})\nt.prepare()"],
        "print(t.get_ready())",
    ),
    State(
        "a MappingProxy of a class", "containers", ["class A: x = 1\np = A.__dict__"], "print(p['x'], type(p).__name__)"
    ),
]

NUMBERS = [
    State(
        "dates, times, zones",
        "dates and numbers",
        [
            "import datetime as dt, zoneinfo\nz = zoneinfo.ZoneInfo('Europe/Paris')\nx = [dt.date(2020, 2, 29), dt.datetime(2020, 3, 29, 2, 30, tzinfo=z, fold=1), dt.timedelta(days=-1, microseconds=5), dt.time(1, 2), dt.timezone(dt.timedelta(hours=1), 'X'), dt.timezone.utc]"
        ],
        "print(x, x[1].tzinfo is z, x[5] is dt.timezone.utc, x[1].utcoffset(), x[1].fold)",
    ),
    State(
        "a tzinfo of the notebook",
        "dates and numbers",
        [
            "import datetime as dt\nclass Z(dt.tzinfo):\n    def utcoffset(self, d): return dt.timedelta(hours=2)\n    def dst(self, d): return None\n    def tzname(self, d): return 'Z'\nz = Z()\nd = dt.datetime(2020, 1, 1, tzinfo=z)"
        ],
        "print(d.isoformat(), d.tzinfo is z)",
    ),
    State(
        "Decimal and Fraction",
        "dates and numbers",
        [
            "import decimal, fractions\nx = [decimal.Decimal('1.10'), decimal.Decimal('NaN'), decimal.Decimal('-0'), decimal.Decimal('sNaN7'), fractions.Fraction(3, -6)]"
        ],
        "print(x)",
    ),
    State(
        "UUID, IP addresses and paths",
        "dates and numbers",
        [
            "import uuid, ipaddress, pathlib\nx = [uuid.UUID(int=5), ipaddress.ip_network('10.0.0.0/8'), ipaddress.ip_address('::1'), pathlib.Path('a/b'), pathlib.PurePosixPath('/x')]"
        ],
        "print(x, x[3] / 'c')",
    ),
    State(
        "a Random of one's own",
        "random generators",
        ["import random\nr = random.Random(3)\nr.gauss(0, 1)", "r.random()"],
        "print(r.gauss(0, 1), r.random())",
    ),
    State(
        "a Random that is shared",
        "random generators",
        ["import random\nclass S:\n    def __init__(self, r): self.r = r\nr = random.Random(1)\na, b = S(r), S(r)"],
        "a.r.random()\nprint(b.r.random(), a.r is r)",
    ),
    State(
        "a SystemRandom",
        "random generators",
        ["import random\nr = random.SystemRandom()"],
        "print(0 <= r.random() < 1, type(r).__name__)",
    ),
    State(
        "hashes that were fed",
        "dates and numbers",
        ["import hashlib\nh = hashlib.sha256(b'a')", "h.update(b'b')"],
        "print(h.hexdigest())",
        expected="rebuilt",
    ),
    State(
        "a compressor and a decompressor",
        "dates and numbers",
        ["import zlib\nc = zlib.compressobj()\nhead = c.compress(b'abc')"],
        "print(zlib.decompress(head + c.flush()))",
        expected="rebuilt",
    ),
    State(
        "a struct.Struct",
        "memoryview, Struct",
        ["import struct\ns = struct.Struct('<if')\nt = [s]"],
        "print(s.pack(1, 2.0), s.size, t[0] is s)",
    ),
    State(
        "statistics, NormalDist and a Fraction matrix",
        "dates and numbers",
        [
            "import statistics, fractions\nn = statistics.NormalDist(1, 2)\nm = [[fractions.Fraction(i, j) for i in (1, 2)] for j in (3, 4)]"
        ],
        "print(n.cdf(1), m)",
    ),
    State(
        "a decimal context of one's own",
        "dates and numbers",
        ["import decimal\nc = decimal.Context(prec=5, rounding=decimal.ROUND_UP)"],
        "print(c.divide(decimal.Decimal(1), decimal.Decimal(3)), c.prec)",
    ),
]

TEXT = [
    State(
        "compiled expressions and a match",
        "text",
        ["import re\np = re.compile(r'(?P<a>\\d+)(x)?', re.I)\nb = re.compile(b'x')"],
        "print(p.pattern, p.flags, p.search('a12X').groupdict(), b.sub(b'y', b'axa'))",
    ),
    State(
        "a match object",
        "text",
        ["import re\nm = re.search(r'(\\d+)-(?P<n>\\w)', 'ab 12-c')\nboth = [m, m]"],
        "print(m.groups(), m.group('n'), m.span(), m.string, m.re.pattern, both[0] is m)",
    ),
    State(
        "a Template and a Formatter",
        "text",
        ["import string\nt = string.Template('$a b')\nf = string.Formatter()"],
        "print(t.substitute(a=1), f.format('{0}', 2))",
    ),
    State(
        "a translation table and a textwrapper",
        "text",
        ["import textwrap\nt = str.maketrans('ab', 'ba')\nw = textwrap.TextWrapper(width=10)"],
        "print('aabb'.translate(t), w.wrap('x ' * 12))",
    ),
    State(
        "a StringIO and a BytesIO at a position",
        "text",
        ["import io\ns = io.StringIO('one\\ntwo')\ns.readline()\nb = io.BytesIO(b'abc')\nb.seek(1)", "view = s"],
        "print(s.read(), b.read(), view is s)\nb.write(b'd')\nprint(b.getvalue())",
    ),
    State(
        "a closed StringIO",
        "text",
        ["import io\ns = io.StringIO('x')\ns.close()\nb = io.BytesIO()\nb.close()"],
        "print(s.closed, b.closed)",
    ),
    State(
        "a csv reader and writer over a StringIO",
        "text",
        ["import csv, io\nbuf = io.StringIO()\nw = csv.writer(buf)\nw.writerow([1, 'a'])"],
        "w.writerow([2, 'b'])\nprint(repr(buf.getvalue()))",
        expected="rebuilt",
    ),
    State(
        "a csv DictReader at a row",
        "text",
        ["import csv, io\nr = csv.DictReader(io.StringIO('a,b\\n1,2\\n3,4\\n'))\nfirst = next(r)"],
        "print(first, next(r))",
        expected="rebuilt",
    ),
    State(
        "configparser and argparse",
        "text",
        [
            "import configparser, argparse\nc = configparser.ConfigParser()\nc.read_string('[a]\\nx = 1')\np = argparse.ArgumentParser(prog='p')\np.add_argument('--n', type=int, default=3)\nns = p.parse_args([])"
        ],
        "c['a']['y'] = '2'\nprint(dict(c['a']), p.parse_args(['--n', '4']), ns)",
    ),
    State(
        "an XML tree",
        "text",
        ["import xml.etree.ElementTree as ET\nroot = ET.fromstring('<a><b k=\"1\">t</b></a>')\nb = root.find('b')"],
        "b.set('k', '2')\nprint(ET.tostring(root), root[0] is b)",
    ),
    State(
        "an XML ElementTree and a minidom",
        "text",
        [
            "import xml.etree.ElementTree as ET, xml.dom.minidom as md\nt = ET.ElementTree(ET.fromstring('<a/>'))\nd = md.parseString('<a><b/></a>')"
        ],
        "print(t.getroot().tag, d.documentElement.firstChild.tagName)",
    ),
    State(
        "json encoders and decoders",
        "text",
        [
            "import json\nclass E(json.JSONEncoder):\n    def default(self, o): return 'x'\ne = E(sort_keys=True)\nd = json.JSONDecoder(parse_float=str)"
        ],
        "print(e.encode({'b': object(), 'a': 1}), d.decode('[1.5]'))",
    ),
    State(
        "an email message",
        "text",
        ["import email.message\nm = email.message.EmailMessage()\nm['To'] = 'a'\nm.set_content('hi')"],
        "print(m['To'], m.get_content())",
    ),
    State(
        "a url, parsed",
        "text",
        ["import urllib.parse\nu = urllib.parse.urlsplit('http://a/b?c=1')"],
        "print(u, u.netloc, type(u).__name__)",
    ),
    State(
        "an incremental decoder",
        "text",
        ["import codecs\nd = codecs.getincrementaldecoder('utf-8')()\nd.decode(b'\\xc3')"],
        "print(ascii(d.decode(b'\\xa9')))",
    ),
]

ITERATORS = [
    State(
        "a list iterator shares its list",
        "iterators",
        ["l = [1, 2, 3]\nit = iter(l)\nnext(it)", "l.append(4)"],
        "l.append(5)\nprint(list(it))",
    ),
    State(
        "iterators of every builtin",
        "iterators",
        [
            "its = [iter((1, 2)), iter('ab'), iter(range(3)), iter(b'xy'), reversed([1, 2, 3]), enumerate('ab', 5), zip([1, 2], 'ab'), map(str, [1, 2]), filter(None, [0, 1, 2])]\n[next(i) for i in its]"
        ],
        "print([list(i) for i in its])",
    ),
    State(
        "iterators of dicts and sets",
        "iterators",
        [
            "d = {'a': 1, 'b': 2}\nits = [iter(d), iter(d.values()), iter(d.items()), reversed(d)]\ns = iter({7})\n[next(i) for i in its]"
        ],
        "print([list(i) for i in its], list(s))",
    ),
    State(
        "count, cycle and repeat",
        "iterators",
        [
            "import itertools\nc = itertools.count(5, 2)\ny = itertools.cycle('ab')\nr = itertools.repeat('x', 3)\nf = itertools.count(0.5)\nnext(c), next(y), next(r), next(f)",
            "next(c)",
        ],
        "print(next(c), next(y), next(y), list(r), next(f))",
    ),
    State(
        "chain, islice, takewhile, dropwhile",
        "iterators",
        [
            "import itertools as it\nx = [it.chain([1], [2, 3]), it.islice(range(9), 2, None, 2), it.takewhile(lambda n: n < 3, [1, 2, 5]), it.dropwhile(bool, [1, 0, 2])]\n[next(i) for i in x]"
        ],
        "print([list(i) for i in x])",
    ),
    State(
        "accumulate, groupby, starmap, compress",
        "iterators",
        [
            "import itertools as it, operator\nx = [it.accumulate([1, 2, 3]), it.starmap(operator.add, [(1, 2), (3, 4)]), it.compress('abc', [1, 0, 1]), it.filterfalse(None, [0, 1, 0])]\n[next(i) for i in x]\ng = it.groupby('aab')"
        ],
        "print([list(i) for i in x], [(k, list(v)) for k, v in g])",
    ),
    State(
        "product, permutations, combinations, zip_longest, pairwise",
        "iterators",
        [
            "import itertools as it\nx = [it.product('ab', [1, 2]), it.permutations('abc', 2), it.combinations('abcd', 2), it.combinations_with_replacement('ab', 2), it.zip_longest('ab', [1], fillvalue=0), it.chain.from_iterable(['ab', 'c'])]\n[next(i) for i in x]"
        ],
        "print([list(i) for i in x])",
    ),
    State(
        "tee: two that share",
        "iterators",
        ["import itertools\na, b = itertools.tee([1, 2, 3])\nnext(a)"],
        "print(list(a), list(b))",
    ),
    State(
        "pairwise",
        "iterators",
        ["import itertools\np = itertools.pairwise([1, 2, 3])\nnext(p)"],
        "print(list(p))",
        expected="rebuilt",
    ),
    State(
        "an iterator of a notebook class",
        "iterators",
        [
            "class I:\n    def __init__(self): self.n = 0\n    def __iter__(self): return self\n    def __next__(self):\n        self.n += 1\n        return self.n\ni = I()\nnext(i)\nz = zip(i, 'abc')\nnext(z)"
        ],
        "print(next(i), next(z))",
    ),
    State("a callable iterator", "iterators", ["src = [1, 2, 0]\nit = iter(src.pop, 1)"], "print(list(it), src)"),
    State(
        "a map over a notebook function with state",
        "iterators",
        ["seen = []\ndef f(x):\n    seen.append(x)\n    return x * 2\nm = map(f, [1, 2, 3])\nnext(m)"],
        "print(next(m), seen)",
    ),
    State(
        "an iterator that is exhausted",
        "iterators",
        ["it = iter([1])\nlist(it)\ne = iter(())"],
        "print(list(it), list(e), next(it, 'end'))",
    ),
    State(
        "an iterator in two names and a container",
        "iterators",
        ["it = iter('abcd')\nbox = {'it': it}", "next(box['it'])"],
        "print(next(it), next(box['it']))",
    ),
]

MEMORY = [
    State(
        "a memoryview of a bytearray",
        "memoryview, Struct",
        ["b = bytearray(b'abcd')\nm = memoryview(b)", "m[0] = 120"],
        "b[1] = 121\nprint(bytes(m), m.obj is b)",
    ),
    State(
        "a part of a memoryview",
        "memoryview, Struct",
        ["b = bytearray(range(16))\nm = memoryview(b)[4:8]"],
        "b[4] = 99\nprint(m.tolist())",
    ),
    State(
        "a memoryview that leaves out items",
        "memoryview, Struct",
        ["b = bytearray(range(16))\nr = memoryview(b)[::-2]"],
        "b[5] = 99\nprint(r.tolist())",
        expected="rebuilt",
    ),
    State(
        "a memoryview, read-only and cast",
        "memoryview, Struct",
        [
            "a = memoryview(b'abcdefgh').cast('I')\nb = memoryview(bytearray(8)).cast('B', (2, 4))\nc = memoryview(bytearray(4)).toreadonly()"
        ],
        "print(a.tolist() == list(memoryview(b'abcdefgh').cast('I')), b.shape, c.readonly, a.format)",
    ),
    State(
        "a released memoryview",
        "memoryview, Struct",
        ["m = memoryview(b'x')\nm.release()"],
        "try:\n    m.tolist()\nexcept ValueError as e:\n    print('released')",
        expected="rebuilt",
    ),
    State(
        "an anonymous mmap",
        "memoryview, Struct",
        ["import mmap\nm = mmap.mmap(-1, 16)\nm[:3] = b'abc'\nm.seek(3)"],
        "print(m[:4], m.tell(), len(m))",
        expected="rebuilt",
        batch="mmap",
    ),
    State(
        "ctypes structures and arrays",
        "memoryview, Struct",
        [
            "import ctypes\nclass P(ctypes.Structure):\n    _fields_ = [('x', ctypes.c_int), ('y', ctypes.c_double)]\np = P(1, 2.5)\na = (ctypes.c_int * 3)(1, 2, 3)\ni = ctypes.c_long(7)"
        ],
        "print(p.x, p.y, list(a), i.value, type(p) is P)",
        batch="mutating",
        expected="reported",
        lost=("p",),
    ),
    State(
        "shared memory of multiprocessing's Array and Value",
        "memoryview, Struct",
        ["import multiprocessing\nv = multiprocessing.Value('i', 3)"],
        "print(v.value)",
        expected="rebuilt",
        lost=("v",),
        batch="shared memory",  # it holds a lock that cannot be kept, which cells that use threading could reach
    ),
]

WEAK = [
    State(
        "a weak reference to what a name holds",
        "weak references",
        ["import weakref\nclass K: pass\nk = K()\nr = weakref.ref(k)"],
        "print(r() is k)\ndel k\nprint(r())",
    ),
    State(
        "a dead weak reference",
        "weak references",
        ["import weakref\nclass K: pass\nk = K()\nr = weakref.ref(k)", "del k"],
        "print(r())",
    ),
    State(
        "a weak reference to what only a cycle holds",
        "weak references",
        ["import weakref\nclass K: pass\nr = weakref.ref(K())"],
        "print(r())",
    ),
    State(
        "a weak reference whose referent is in a list",
        "weak references",
        ["import weakref\nclass K: pass\nl = [K()]", "r = weakref.ref(l[0])"],
        "print(r() is l[0])\nl.clear()\nprint(r())",
    ),
    State(
        "a weak reference with a callback",
        "weak references",
        ["import weakref\ngone = []\nclass K: pass\nk = K()\nr = weakref.ref(k, lambda _: gone.append(1))"],
        "del k\nprint(gone, r())",
    ),
    State(
        "WeakValueDictionary",
        "weak references",
        ["import weakref\nclass K: pass\nk = K()\nw = weakref.WeakValueDictionary(a=k)"],
        "print(w['a'] is k, len(w))\ndel k\nprint(len(w))",
    ),
    State(
        "WeakKeyDictionary and WeakSet",
        "weak references",
        ["import weakref\nclass K: pass\nk = K()\nw = weakref.WeakKeyDictionary({k: [1]})\ns = weakref.WeakSet([k])"],
        "print(w[k], k in s)\ndel k\nprint(len(w), len(s))",
    ),
    State(
        "a weak proxy",
        "weak references",
        ["import weakref\nclass K:\n    x = 5\nk = K()\np = weakref.proxy(k)"],
        "print(p.x)\nk.x = 6\nprint(p.x)",
    ),
    State(
        "a WeakMethod",
        "weak references",
        ["import weakref\nclass K:\n    def m(self): return 'm'\nk = K()\nw = weakref.WeakMethod(k.m)"],
        "print(w()())\ndel k\nprint(w())",
    ),
    State(
        "weakref.finalize",
        "weak references",
        ["import weakref\nlog = []\nclass K: pass\nk = K()\nf = weakref.finalize(k, log.append, 'bye')"],
        "print(f.alive)\ndel k\nprint(log, f.alive)",
        expected="rebuilt",
        jump="reported",
        lost=("f",),
    ),
    State(
        "an observer list of weak methods",
        "weak references",
        [
            "import weakref\nclass Obs:\n    def __init__(self): self.got = []\n    def on(self, x): self.got.append(x)\nclass Sub:\n    def __init__(self): self.ws = weakref.WeakSet()\n    def emit(self, x):\n        for o in self.ws: o.on(x)\no, s = Obs(), Sub()",
            "s.ws.add(o)",
        ],
        "s.emit(3)\nprint(o.got)",
    ),
]

THREADS = [
    State(
        "locks, free and held",
        "Lock, RLock, Condition",
        ["import threading\na, b = threading.Lock(), threading.Lock()\nb.acquire()\nc = [a]"],
        "print(a.locked(), b.locked(), c[0] is a)\nb.release()\nprint(a.acquire(False), b.acquire(False))",
    ),
    State(
        "an RLock, free",
        "Lock, RLock, Condition",
        ["import threading\nr = threading.RLock()\ns = [r]"],
        "print(r.acquire(False), s[0] is r)\nr.release()",
    ),
    State(
        "an RLock held twice",
        "Lock, RLock, Condition",
        ["import threading\nr = threading.RLock()\nr.acquire()\nr.acquire()"],
        "r.release()\nr.release()\ntry:\n    r.release()\nexcept RuntimeError:\n    print('free')",
    ),
    State(
        "Condition, Event, Semaphore, Barrier",
        "Lock, RLock, Condition",
        [
            "import threading\nl = threading.Lock()\nc = threading.Condition(l)\ne = threading.Event()\ns = threading.Semaphore(3)\nb = threading.BoundedSemaphore(2)\nbar = threading.Barrier(2)",
            "e.set()\ns.acquire()\nb.acquire()",
        ],
        "print(c._lock is l, e.is_set(), s._value, b._value, bar.parties)\nwith c: print(l.locked())\nb.release()\ntry:\n    b.release()\nexcept ValueError:\n    print('bounded')",
    ),
    State(
        "queues of every kind",
        "queues",
        [
            "import queue\nq, l, p, s = queue.Queue(3), queue.LifoQueue(), queue.PriorityQueue(), queue.SimpleQueue()\nitem = [1]\nfor each in (q, l, s): each.put(item); each.put(2)\np.put((2, 'b')); p.put((1, 'a'))",
            "q.get()",
        ],
        "print(q.get(), l.get(), p.get(), s.get() is item, s.get(), s.empty(), q.maxsize, q.unfinished_tasks)",
    ),
    State(
        "a SimpleQueue that is shared",
        "queues",
        ["import queue\ns = queue.SimpleQueue()\nbox = [s]", "s.put('x')"],
        "print(box[0].get(), s is box[0], s.empty())",
    ),
    State(
        "threading.local",
        "queues",
        ["import threading\nt = threading.local()\nt.x = [1]\nx = t.x"],
        "print(t.x is x)\nx.append(2)\nprint(t.x)",
    ),
    State(
        "an instance with a lock",
        "Lock, RLock, Condition",
        [
            "import threading\nclass Safe:\n    def __init__(self):\n        self.lock = threading.Lock()\n        self.n = 0\n    def up(self):\n        with self.lock: self.n += 1\ns = Safe()\ns.up()",
            "s.up()",
        ],
        "s.up()\nprint(s.n, s.lock.locked())",
    ),
    State(
        "a finished thread",
        "threads, executors",
        [
            "import threading\nout = []\nt = threading.Thread(target=out.append, args=(1,), name='worker')\nt.start()\nt.join()"
        ],
        "print(out, t.is_alive(), t.name, t.daemon)\nt.join()",
    ),
    State(
        "a thread that was never started",
        "threads, executors",
        ["import threading\nout = []\nt = threading.Thread(target=out.append, args=(1,))"],
        "t.start()\nt.join()\nprint(out)",
    ),
    State(
        "a live thread is reported, and its neighbours come back",
        "threads, executors",
        [
            "import threading\nstop = threading.Event()\nt = threading.Thread(target=stop.wait, daemon=True)\nt.start()\nbeside = [1]"
        ],
        "print(beside, t.is_alive())",
        expected="reported",
        lost=("t",),
        batch="threads",
    ),
    State(
        "a live thread that changes a list",
        "threads, executors",
        [
            "import threading, time\ncount = [0]\ngo = True\ndef work():\n    while go:\n        count[0] += 1\n        time.sleep(0.001)\nth = threading.Thread(target=work, daemon=True)\nth.start()\nkeep = {'k': [1]}",
            "keep['k'].append(2)",
            "go = False\nth.join()",
        ],
        "print(keep, count[0] > 0, th.is_alive())",
        batch="mutating",
        expected="rebuilt",
        jump="exact",
    ),
    State(
        "an executor is made again",
        "threads, executors",
        ["import concurrent.futures as cf\npool = cf.ThreadPoolExecutor(2)\nres = pool.submit(pow, 2, 3).result()"],
        "print(res, pool.submit(pow, 2, 4).result())",
        batch="process",
    ),
    State(
        "an executor that was shut down",
        "threads, executors",
        ["import concurrent.futures as cf\nwith cf.ThreadPoolExecutor(2) as pool: res = list(pool.map(abs, [-1]))"],
        "print(res)\ntry:\n    pool.submit(abs, 1)\nexcept RuntimeError:\n    print('closed')",
        batch="process",
    ),
    State(
        "a finished future",
        "async tasks and futures",
        [
            "import concurrent.futures as cf\nf = cf.Future()\nf.set_result([1])\ng = cf.Future()\ng.set_exception(KeyError('k'))"
        ],
        "print(f.result(), f.done(), repr(g.exception()))",
    ),
    State(
        "a finished asyncio task",
        "async tasks and futures",
        ["import asyncio\nasync def co(): return [5]\nt = asyncio.ensure_future(co())\nres = await t"],
        "print(t.done(), t.result() is res, await t)",
    ),
    State(
        "a pending asyncio future is reported",
        "async tasks and futures",
        ["import asyncio\nf = asyncio.get_running_loop().create_future()\nbeside = 3"],
        "f.set_result(1)\nprint(await f, beside)",
        batch="threads",
        expected="reported",
        lost=("f",),
    ),
    State(
        "asyncio locks, events and queues",
        "async tasks and futures",
        ["import asyncio\nl, e, q = asyncio.Lock(), asyncio.Event(), asyncio.Queue()\ne.set()\nawait q.put(4)"],
        "print(l.locked(), e.is_set(), await q.get())",
    ),
    State(
        "a context variable",
        "contextvars",
        ["import contextvars\nv = contextvars.ContextVar('v', default=0)"],
        "print(v.get(), v.name)",
        expected="rebuilt",
    ),
    State(
        "a subprocess that ended",
        "subprocesses, sockets",
        [
            "import subprocess, sys\np = subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True, text=True)"
        ],
        "print(p.returncode, p.stdout)",
        expected="rebuilt",
        jump="exact",
        batch="threads",
    ),
    State(
        "a subprocess that was waited for",
        "subprocesses, sockets",
        ["import subprocess\np = subprocess.Popen(['sleep', '0'])\np.wait()\nbeside = [1]"],
        "print(beside, p.returncode)",
        batch="threads",
        expected="rebuilt",
        jump="exact",
    ),
    State(
        "a socket is reported",
        "subprocesses, sockets",
        ["import socket\na, b = socket.socketpair()\nbeside = [1]"],
        "a.send(b'x')\nprint(b.recv(1), beside)",
        batch="threads",
        expected="reported",
        lost=("a", "b"),
    ),
]

FILES = [
    State(
        "a file open for reading, at its position",
        "file open for reading",
        [
            "with open('r1.txt', 'w') as out: out.write('one\\ntwo\\nthree\\n')\nf = open('r1.txt')",
            "line = f.readline()",
        ],
        "print(line, f.readline(), f.name, f.mode, f.closed)",
        batch="files",
    ),
    State(
        "a binary file open for reading",
        "file open for reading",
        ["with open('r2.bin', 'wb') as out: out.write(bytes(range(100)))\nf = open('r2.bin', 'rb')\nf.seek(50)"],
        "print(f.tell(), f.read(3))",
        batch="files",
    ),
    State(
        "a file read line by line in a for loop",
        "file open for reading",
        ["with open('r3.txt', 'w') as out: out.write('a\\nb\\nc\\n')", "f = open('r3.txt')\nfor line in f: break"],
        "print(repr(next(f)))",
        batch="files",
        expected="rebuilt",
    ),
    State(
        "a file with an encoding and newline",
        "file open for reading",
        [
            "with open('r4.txt', 'wb') as out: out.write('é\\r\\nü\\r\\n'.encode('latin-1'))\nf = open('r4.txt', encoding='latin-1', newline='', errors='replace')\nf.readline()"
        ],
        "print(ascii(f.readline()), f.encoding, f.errors)",
        batch="files",
    ),
    State(
        "a closed file",
        "file open for reading",
        ["with open('r5.txt', 'w') as f: f.write('x')"],
        "print(f.closed, f.name, f.mode)\ntry:\n    f.read()\nexcept ValueError as e:\n    print('closed')",
        batch="files",
    ),
    State(
        "a file open for writing goes on where it was",
        "file open for writing",
        ["f = open('w1.txt', 'w')\nn = f.write('one\\n')\nf.flush()", "n = f.write('two\\n')\nf.flush()"],
        "f.write('three\\n')\nf.flush()\nprint(repr(open('w1.txt').read()))",
        batch="files",
        expected="rebuilt",
        jump="exact",
    ),
    State(
        "a file open for appending",
        "file open for writing",
        ["with open('w2.txt', 'w') as out: n = out.write('a')\nf = open('w2.txt', 'a')\nn = f.write('b')\nf.flush()"],
        "f.write('c')\nf.flush()\nprint(open('w2.txt').read(), f.mode)",
        batch="files",
        expected="rebuilt",
        jump="exact",
    ),
    State(
        "a file open for both",
        "file open for writing",
        ["f = open('w3.txt', 'w+')\nn = f.write('hello')\nf.flush()\nn = f.seek(1)"],
        "print(f.read(2), f.mode)",
        batch="files",
        expected="rebuilt",
        jump="exact",
    ),
    State(
        "a binary file open for writing",
        "file open for writing",
        ["f = open('w4.bin', 'wb')\nn = f.write(b'ab')\nf.flush()"],
        "f.write(b'c')\nf.close()\nprint(open('w4.bin', 'rb').read())",
        batch="files",
        expected="rebuilt",
        jump="exact",
    ),
    State(
        "an unbuffered file",
        "file open for reading",
        [
            "with open('r6.bin', 'wb') as out: out.write(b'0123456789')\nf = open('r6.bin', 'rb', buffering=0)\nf.read(4)"
        ],
        "print(f.read(2), type(f).__name__)",
        batch="files",
    ),
    State(
        "the standard streams",
        "file open for reading",
        ["import sys\nout = sys.stdout\nerr = [sys.stderr]"],
        "print(out is sys.stdout, err[0] is sys.stderr)\nout.write('x')",
        batch="files",
    ),
    State(
        "a gzip file at a position",
        "file open for reading",
        [
            "import gzip\nwith gzip.open('g.gz', 'wb') as out: out.write(b'one\\ntwo\\n')",
            "f = gzip.open('g.gz')\nf.readline()",
        ],
        "print(f.read())",
        batch="files",
        expected="rebuilt",
    ),
    State(
        "a zip file",
        "file open for reading",
        ["import zipfile\nwith zipfile.ZipFile('z.zip', 'w') as z: z.writestr('a', 'x')\nz = zipfile.ZipFile('z.zip')"],
        "print(z.namelist(), z.read('a'))",
        batch="files",
    ),
    State(
        "a temporary file is reported",
        "file open for writing",
        ["import tempfile\nt = tempfile.NamedTemporaryFile('w+')\nn = t.write('x')\nbeside = [1]"],
        "t.seek(0)\nprint(t.read(), beside)",
        batch="files",
        expected="reported",
        lost=("t",),
    ),
    State(
        "paths, listings and a stat",
        "file open for reading",
        [
            "import os, pathlib\npathlib.Path('d').mkdir(exist_ok=True)\npathlib.Path('d/x').write_text('1')\np = pathlib.Path('d')\nnames = os.listdir('d')\nst = os.stat('d/x')"
        ],
        "print(sorted(p.iterdir()), names, st.st_size)",
        batch="files",
        expected="rebuilt",
        jump="exact",
    ),
]

DATABASES = [
    State(
        "an sqlite database in memory",
        "database connections",
        [
            "import sqlite3\ndb = sqlite3.connect(':memory:')\nn = db.execute('create table t (a int, b text)').rowcount",
            "n = db.execute('insert into t values (1, ?)', ('x',)).rowcount\ndb.commit()",
        ],
        "print(db.execute('select * from t').fetchall())\ndb.execute('insert into t values (2, null)')\nprint(db.execute('select count(*) from t').fetchone())",
        batch="sqlite in memory",
        expected="rebuilt",  # what SQLite writes of it a second time is not byte for byte the same
        jump="exact",
    ),
    State(
        "an sqlite database in memory, with an open transaction",
        "database connections",
        [
            "import sqlite3\ndb = sqlite3.connect(':memory:')\nn = db.execute('create table t (a int)').rowcount\ndb.commit()\nn = db.execute('insert into t values (1)').rowcount"
        ],
        "print(db.in_transaction, db.execute('select * from t').fetchall())\ndb.rollback()\nprint(db.execute('select * from t').fetchall())",
        batch="sqlite in use",
        expected="rebuilt",
    ),
    State(
        "an sqlite database in a file",
        "database connections",
        [
            "import sqlite3\ndb = sqlite3.connect('data.db')\nn = db.execute('drop table if exists t').rowcount\nn = db.execute('create table t (a int)').rowcount\nn = db.execute('insert into t values (1)').rowcount\ndb.commit()"
        ],
        "print(db.execute('select * from t').fetchall())",
        batch="files",
        expected="rebuilt",
        jump="exact",
    ),
    State(
        "a row factory and an isolation level",
        "database connections",
        [
            "import sqlite3\ndb = sqlite3.connect(':memory:', isolation_level=None)\ndb.row_factory = sqlite3.Row\nn = db.execute('create table t (a)').rowcount\nn = db.execute('insert into t values (7)').rowcount"
        ],
        "r = db.execute('select a from t').fetchone()\nprint(r['a'], db.isolation_level, db.row_factory)",
        batch="connections",
    ),
    State(
        "a connection in an object and under a name",
        "database connections",
        [
            "import sqlite3\nclass Repo:\n    def __init__(self, db): self.db = db\ndb = sqlite3.connect(':memory:')\nrepo = Repo(db)\nn = db.execute('create table t (a)').rowcount"
        ],
        "repo.db.execute('insert into t values (1)')\nprint(db.execute('select * from t').fetchall(), repo.db is db)",
        batch="connections",
    ),
    State(
        "a cursor",
        "database connections",
        [
            "import sqlite3\ndb = sqlite3.connect(':memory:')\ncur = db.cursor()\nn = cur.execute('create table t (a)').rowcount\nn = cur.execute('insert into t values (3)').rowcount\ndb.commit()"
        ],
        "print(cur.execute('select * from t').fetchall(), cur.connection is db)",
        batch="sqlite in use",
        expected="rebuilt",
    ),
    State(
        "a database in memory that another cell changes through a connection of its own",
        "database connections",
        [
            "import sqlite3\ndb = sqlite3.connect('file:shared?mode=memory&cache=shared', uri=True)\nn = db.execute('create table t (a)').rowcount\ndb.commit()",
            "import sqlite3\nwith sqlite3.connect('file:shared?mode=memory&cache=shared', uri=True) as other:\n    n = other.execute('insert into t values (5)').rowcount\nother.close()\ndel other",
        ],
        "print(db.execute('select * from t').fetchall())",
        expected="rebuilt",
        batch="connections",
    ),
    State(
        "a closed connection",
        "database connections",
        ["import sqlite3\ndb = sqlite3.connect(':memory:')\ndb.close()"],
        "try:\n    db.execute('select 1')\nexcept sqlite3.ProgrammingError as e:\n    print('closed')",
        batch="connections",
    ),
    State(
        "a shelf and a dbm",
        "database connections",
        ["import dbm.dumb\nd = dbm.dumb.open('dd', 'c')\nd[b'k'] = b'v'\nd.sync()\nbeside = 1"],
        "print(d[b'k'], beside)",
        batch="files",
        expected="rebuilt",
        jump="exact",
    ),
]

MODULES = [
    State(
        "modules and submodules under names",
        "imports",
        ["import os.path, xml.dom.minidom, collections.abc as cabc\nfrom json import decoder\nimport math as m"],
        "print(os.path.join('a', 'b'), xml.dom.minidom.__name__, cabc.Mapping.__name__, decoder.JSONDecoder.__name__, m.pi)",
    ),
    State(
        "a submodule only imported",
        "imports",
        ["import xml\nimport xml.sax.saxutils"],
        "print(xml.sax.saxutils.escape('<'))",
    ),
    State(
        "a module in a container",
        "imports",
        ["import math, json\nx = {'m': math, 'j': [json]}"],
        "print(x['m'] is math, x['j'][0].dumps([1]))",
    ),
    State(
        "a module made by hand",
        "imports",
        ["import types\nmod = types.ModuleType('handmade')\nmod.x = [1]\nx = mod.x"],
        "mod.x.append(2)\nprint(x, mod.__name__)",
        expected="rebuilt",
        jump="reported",
        lost=("mod",),
    ),
    State(
        "a module made by hand and put into sys.modules",
        "imports",
        ["import types, sys\nmod = types.ModuleType('handmade2')\nmod.y = 4\nsys.modules['handmade2'] = mod"],
        "import handmade2\nprint(handmade2.y, handmade2 is mod)",
        batch="process",
        expected="rebuilt",
        jump="reported",
        lost=("mod",),
    ),
    State(
        "functions of modules under names",
        "imports",
        ["from math import sqrt as root, pi\nfrom os.path import join"],
        "print(root(4), pi, join('a', 'b'))",
    ),
    State(
        "a monkey patch of the standard library",
        "monkey patches",
        ["import math\nold = math.sqrt\ndef fake(x): return 'fake'\nmath.sqrt = fake", "y = math.sqrt(4)"],
        "print(math.sqrt(9), y, old(9.0))\nmath.sqrt = old",
        batch="process",
        expected="rebuilt",
        jump="reported",
        lost=("old",),
    ),
    State(
        "an attribute put on a module",
        "monkey patches",
        ["import json\njson.limit = [1]"],
        "print(json.limit)",
        batch="process",
    ),
    State(
        "a patched class of the standard library",
        "monkey patches",
        ["import fractions\nfractions.Fraction.half = lambda self: self / 2"],
        "print(fractions.Fraction(1).half())",
        batch="process",
        expected="rebuilt",
        jump="reported",
    ),
    State(
        "a logger and its level",
        "ambient",
        ["import logging\nlog = logging.getLogger('mine')\nlog.setLevel(logging.DEBUG)"],
        "print(log.level, log is logging.getLogger('mine'))",
        batch="process",
        expected="rebuilt",
        jump="reported",
    ),
    State(
        "the state of an imported local module",
        "module state",
        [
            "open('localmod.py', 'w').write('LIMIT = 1\\nitems = []\\ndef f(): return LIMIT\\nclass C: n = 0\\n')",
            "import localmod",
            "localmod.LIMIT = 5\nlocalmod.items.append(1)\nc = localmod.C()",
        ],
        "print(localmod.f(), localmod.items, type(c) is localmod.C)",
        batch="local module",
    ),
]

AMBIENT = [
    State(
        "the working folder",
        "ambient",
        ["import os\nos.makedirs('sub', exist_ok=True)\nos.chdir('sub')"],
        "print(os.path.basename(os.getcwd()))",
        batch="process",
    ),
    State(
        "environment variables",
        "ambient",
        ["import os\nos.environ['NB_STATE'] = 'x'\nos.environ.pop('HOME', None)"],
        "print(os.environ['NB_STATE'], 'HOME' in os.environ, os.getenv('NB_STATE'))",
        batch="process",
    ),
    State(
        "sys.path",
        "ambient",
        ["import sys\nsys.path.insert(0, 'mylib')\nsys.path.append('/nowhere')"],
        "print(sys.path[0], sys.path[-1])",
        batch="process",
    ),
    State(
        "the recursion limit",
        "ambient",
        ["import sys\nsys.setrecursionlimit(4321)"],
        "print(sys.getrecursionlimit())",
        batch="process",
    ),
    State(
        "the umask",
        "ambient",
        ["import os\nold = os.umask(0o077)"],
        "m = os.umask(0o077)\nprint(oct(m))",
        batch="process",
    ),
    State(
        "the locale",
        "ambient",
        ["import locale\nl = locale.setlocale(locale.LC_NUMERIC, 'C.UTF-8')"],
        "print(locale.setlocale(locale.LC_NUMERIC))",
        batch="process",
    ),
    State(
        "the time zone",
        "ambient",
        ["import os, time\nos.environ['TZ'] = 'Asia/Tokyo'\ntime.tzset()"],
        "print(time.tzname, time.localtime(0).tm_hour)",
        batch="process",
    ),
    State(
        "warning filters",
        "ambient",
        ["import warnings\nwarnings.simplefilter('error', BytesWarning)\nwarnings.filterwarnings('ignore', 'mine')"],
        "print(warnings.filters[0][0], warnings.filters[1][2].__name__)",
        batch="process",
    ),
    State(
        "the decimal context",
        "ambient",
        ["import decimal\ndecimal.getcontext().prec = 6"],
        "print(decimal.Decimal(1) / 3)",
        batch="process",
    ),
    State(
        "the seeded generator of random",
        "ambient",
        ["import random\nrandom.seed(5)\na = random.random()", "b = random.gauss(0, 1)"],
        "print(a, b, random.random(), random.gauss(0, 1))",
        batch="process",
    ),
    State(
        "the display and except hooks",
        "ambient",
        ["import sys\ndef mine(*a): print('mine')\nsys.unraisablehook = mine"],
        "print(sys.unraisablehook is mine)",
        batch="process",
        expected="rebuilt",
        jump="reported",
    ),
    State(
        "the switch interval and integer text limit",
        "ambient",
        ["import sys\nsys.setswitchinterval(0.01)\nsys.set_int_max_str_digits(9999)"],
        "print(round(sys.getswitchinterval(), 3), sys.get_int_max_str_digits())",
        batch="process",
    ),
    State(
        "garbage collector settings",
        "ambient",
        ["import gc\ngc.set_threshold(900, 11, 12)"],
        "print(gc.get_threshold())",
        batch="process",
    ),
    State(
        "a signal handler",
        "ambient",
        ["import signal\ndef on(*a): pass\nold = signal.signal(signal.SIGUSR1, on)"],
        "print(signal.getsignal(signal.SIGUSR1) is on)",
        batch="process",
        expected="rebuilt",
        jump="reported",
    ),
    State(
        "an atexit and a registered codec error handler",
        "ambient",
        ["import codecs\ncodecs.register_error('mine', lambda e: ('?!', e.end))"],
        "print('é'.encode('ascii', 'mine'))",
        batch="process",
        expected="rebuilt",
        jump="reported",
    ),
    State(
        "mimetypes, copyreg and other registries",
        "ambient",
        ["import copyreg, mimetypes\nmimetypes.add_type('text/mine', '.mine')"],
        "print(mimetypes.guess_type('a.mine'))",
        batch="process",
        expected="rebuilt",
        jump="reported",
    ),
]

STATES = CONTAINERS + NUMBERS + TEXT + ITERATORS + MEMORY + WEAK + THREADS + FILES + DATABASES + MODULES + AMBIENT
