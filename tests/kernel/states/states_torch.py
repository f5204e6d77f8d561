"""States of torch on the CPU: views of storages, gradients, modules with their optimisers, generators."""

# ruff: noqa: E501  # a cell's code stays together

from state_table import State

STATES = [
    State(
        "torch: tensor",
        "torch",
        [
            "import torch\nt = torch.arange(6.).reshape(2, 3); b = torch.tensor([True]); h = torch.ones(2, dtype=torch.bfloat16)"
        ],
        "print(t, b, h, t.dtype, t.is_contiguous())",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: views",
        "torch",
        ["import torch\nt = torch.zeros(4, 3); v = t[1]; tt = t.T; e = t[:, 0]"],
        "v[0] = 5; print(t.tolist(), tt[0, 1].item(), e.tolist(), tt.stride())",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: view across cells",
        "torch",
        ["import torch\nt = torch.zeros(3000)", "v = t[10:20]; box = [v]"],
        "box[0][0] = 1; print(t[10].item(), v.storage_offset(), t.untyped_storage().data_ptr() == v.untyped_storage().data_ptr())",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: numpy share",
        "torch",
        [
            "import numpy as np\nimport torch\na = np.zeros(3); t = torch.from_numpy(a); t2 = torch.ones(3); n2 = t2.numpy()"
        ],
        "t[0] = 5; n2[1] = 7; print(a.tolist(), t2.tolist())",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: expanded",
        "torch",
        ["import torch\nt = torch.arange(3.); x = t.expand(4, 3)"],
        "t[0] = 9; print(x.tolist(), x.stride())",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: grad",
        "torch",
        ["import torch\nw = torch.ones(2, requires_grad=True); (w * 3).sum().backward(); g = w.grad"],
        "print(w.grad, g is w.grad, w.requires_grad, w.is_leaf); (w * 2).sum().backward(); print(w.grad)",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: non leaf",
        "torch",
        ["import torch\nw = torch.ones(2, requires_grad=True); y = w * 2"],
        "y.sum().backward(); print(w.grad, y.grad_fn is not None)",
        batch="torch",
        expected="rebuilt",
        requires=("torch",),
    ),
    State(
        "torch: loss in dict",
        "torch",
        ["import torch\nw = torch.ones(2, requires_grad=True); d = {'loss': (w ** 2).sum(), 'n': 1}"],
        "print(d['loss'].grad_fn is not None, d['n'])",
        batch="torch",
        expected="rebuilt",
        requires=("torch",),
    ),
    State(
        "torch: parameter",
        "torch",
        [
            "import torch\nfrom torch import nn\np = nn.Parameter(torch.ones(3)); q = nn.Buffer(torch.zeros(2)) if hasattr(nn, 'Buffer') else None"
        ],
        "print(type(p).__name__, p.requires_grad, type(q).__name__)",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: module",
        "torch",
        [
            "import torch\nfrom torch import nn\ntorch.manual_seed(0); m = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.BatchNorm1d(3)); m.eval()"
        ],
        "print(m(torch.ones(2, 2)), m.training, [n for n, _ in m.named_parameters()])",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: own module",
        "torch",
        [
            "import torch\nfrom torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__(); self.l = nn.Linear(2, 2); self.register_buffer('b', torch.ones(1)); self.scale = 2\n    def forward(self, x): return self.l(x) * self.scale + self.b\ntorch.manual_seed(1); net = Net()"
        ],
        "print(net(torch.ones(1, 2)), type(net) is Net, list(net.state_dict()))",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: optimiser",
        "torch",
        [
            "import torch\nfrom torch import nn\ntorch.manual_seed(2); m = nn.Linear(2, 1); opt = torch.optim.Adam(m.parameters(), lr=.1); m(torch.ones(1, 2)).sum().backward(); opt.step()"
        ],
        "print(opt.param_groups[0]['params'][0] is m.weight); before = m.weight.detach().clone(); opt.zero_grad(); m(torch.ones(1, 2)).sum().backward(); opt.step(); print((m.weight - before).tolist(), opt.state[m.weight]['step'])",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: scheduler",
        "torch",
        [
            "import torch\nfrom torch import nn\nm = nn.Linear(1, 1); opt = torch.optim.SGD(m.parameters(), lr=1.); sch = torch.optim.lr_scheduler.StepLR(opt, 1, .5); opt.step(); sch.step()"
        ],
        "print(sch.optimizer is opt, sch.get_last_lr()); opt.step(); sch.step(); print(opt.param_groups[0]['lr'])",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: tied",
        "torch",
        ["from torch import nn\nm = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)); m[1].weight = m[0].weight"],
        "print(m[0].weight is m[1].weight); m[0].weight.data.fill_(3); print(m[1].weight)",
        batch="torch",
    ),
    State(
        "torch: state dict",
        "torch",
        ["from torch import nn\nm = nn.Linear(2, 2); sd = m.state_dict()"],
        "m.weight.data.zero_(); print(sd['weight'].tolist(), type(sd).__name__, sd._metadata)",
        batch="torch",
    ),
    State(
        "torch: data shares",
        "torch",
        ["import torch\nw = torch.ones(2, requires_grad=True); d = w.data; de = w.detach()"],
        "d[0] = 5; de[1] = 6; print(w)",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: rng default",
        "ambient",
        ["import torch\ntorch.manual_seed(5); x = torch.rand(2)"],
        "print(torch.rand(3), torch.randn(2))",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: generator",
        "torch",
        ["import torch\ng = torch.Generator().manual_seed(3); torch.rand(2, generator=g); h = g"],
        "print(torch.rand(2, generator=g), torch.rand(1, generator=h), h is g)",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: dataloader",
        "torch",
        [
            "import torch\nfrom torch.utils.data import DataLoader, TensorDataset\ng = torch.Generator().manual_seed(1); ds = TensorDataset(torch.arange(6)); dl = DataLoader(ds, 2, shuffle=True, generator=g); e1 = [b[0].tolist() for b in dl]"
        ],
        "print(e1, [b[0].tolist() for b in dl], dl.dataset is ds, dl.generator is g)",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: dataloader iter",
        "torch",
        [
            "import torch\nfrom torch.utils.data import DataLoader\nit = iter(DataLoader(torch.arange(6), 2)); one = next(it)"
        ],
        "print(next(it))",
        batch="torch",
        expected="reported",
        lost=("it",),
        requires=("torch",),
    ),
    State(
        "torch: hooks module",
        "torch",
        [
            "import torch\nfrom torch import nn\nseen = []; m = nn.Linear(1, 1); hd = m.register_forward_hook(lambda mod, i, o: seen.append(o.shape))"
        ],
        "_ = m(torch.ones(1, 1)); print(len(seen)); hd.remove(); _ = m(torch.ones(1, 1)); print(len(seen))",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: hooks tensor",
        "torch",
        [
            "import torch\nseen = []; w = torch.ones(1, requires_grad=True); hh = w.register_hook(lambda g: seen.append(g.item()))"
        ],
        "(w * 2).backward(); print(seen)",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: accumulate hook",
        "torch",
        [
            "import torch\nseen = []; w = torch.ones(1, requires_grad=True); hh = w.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.item()))"
        ],
        "(w * 2).backward(); print(seen)",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: parametrized",
        "torch",
        [
            "import torch\nfrom torch import nn\nfrom torch.nn.utils import parametrizations\nm = parametrizations.weight_norm(nn.Linear(2, 2))"
        ],
        "print(m(torch.ones(1, 2)).shape, hasattr(m, 'parametrizations'), sorted(n for n, _ in m.named_parameters()))",
        batch="torch",
        expected="reported",
        lost=("m",),
        requires=("torch",),
    ),
    State(
        "torch: scripted",
        "torch",
        [
            "import torch\nfrom torch import nn\n@torch.jit.script\ndef sq(x: torch.Tensor): return x * x\nsm = torch.jit.script(nn.Linear(1, 1))"
        ],
        "print(sq(torch.ones(1) * 3), sm(torch.ones(1)).shape)",
        batch="torch",
        expected="reported",
        lost=("sq",),
        requires=("torch",),
    ),
    State(
        "torch: sparse",
        "torch",
        ["import torch\ns = torch.eye(3).to_sparse(); c = torch.eye(3).to_sparse_csr()"],
        "print(s.to_dense().sum(), s.layout, c.layout, c.to_dense().sum())",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: quantised complex",
        "torch",
        ["import torch\nz = torch.tensor([1 + 2j]); cj = z.conj(); ng = torch.tensor([1 + 2j]).conj().imag"],
        "print(z, cj, cj.is_conj(), ng)",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: meta attrs",
        "torch",
        ["import torch\nt = torch.ones(1); t.note = ['hi']"],
        "print(t.note)",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: size device",
        "torch",
        [
            "import torch\nsz = torch.ones(2, 3).shape; dv = torch.device('cpu'); dt = torch.float16; mf = torch.channels_last"
        ],
        "print(sz, dv, dt is torch.float16, mf is torch.channels_last, torch.ones(1, dtype=dt).dtype)",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: subclass",
        "torch",
        ["import torch\nclass My(torch.Tensor): pass\nmt = torch.ones(2).as_subclass(My); mt.tag = 'x'"],
        "print(type(mt) is My, mt.tag, mt)",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: function",
        "torch",
        [
            "import torch\nclass Cube(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, v): ctx.save_for_backward(v); return v ** 3\n    @staticmethod\n    def backward(ctx, g): return g * 3 * ctx.saved_tensors[0] ** 2"
        ],
        "x = torch.tensor(2., requires_grad=True); Cube.apply(x).backward(); print(x.grad)",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: distribution",
        "torch",
        ["import torch\ndd = torch.distributions.Normal(torch.tensor(0.), torch.tensor(1.))"],
        "print(dd.log_prob(torch.tensor(0.)), dd.mean)",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: big",
        "torch",
        ["import torch\nt = torch.zeros(6_000_000); v = t[5:10]"],
        "v[0] = 1; print(t[5].item(), t.sum().item(), t.shape)",
        batch="torch",
        requires=("torch",),
    ),
    State(
        "torch: training loop",
        "torch",
        [
            "import torch\nfrom torch import nn\ntorch.manual_seed(0); m = nn.Linear(2, 1); opt = torch.optim.SGD(m.parameters(), lr=.1)",
            "for _ in range(3):\n    opt.zero_grad(); l = (m(torch.randn(4, 2)) ** 2).mean(); l.backward(); opt.step()",
        ],
        "opt.zero_grad(); (m(torch.ones(4, 2)) ** 2).mean().backward(); opt.step(); print(m.weight, m.bias)",
        batch="torch",
        expected="rebuilt",
        jump="exact",
        requires=("torch",),
    ),
    State(
        "torch: ema copy",
        "torch",
        [
            "from torch import nn\nimport copy\nm = nn.Linear(1, 1); ema = copy.deepcopy(m); both = nn.ModuleDict({'a': m, 'b': ema})"
        ],
        "m.weight.data.fill_(2); print(both['a'] is m, ema.weight.item() == 2, both['a'].weight.item())",
        batch="torch",
    ),
    State(
        "torch: vmap compiled",
        "torch",
        ["import torch\nf = torch.func.vmap(lambda x: x * 2); gr = torch.func.grad(lambda x: (x ** 2).sum())"],
        "print(f(torch.ones(2)), gr(torch.ones(1)))",
        batch="torch",
        requires=("torch",),
    ),
]
