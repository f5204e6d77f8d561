"""States of matplotlib: figures, what pyplot knows of them, callbacks."""

# ruff: noqa: E501  # a cell's code stays together

from state_table import State

STATES = [
    State(
        "matplotlib: fig ax",
        "figures",
        [
            "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\nfig, ax = plt.subplots(); (line,) = ax.plot([1, 2, 3], label='l')"
        ],
        "print(fig.axes[0] is ax, ax.lines[0] is line, line.axes is ax, fig.number in plt.get_fignums(), plt.figure(fig.number) is fig); ax.set_title('T'); print(fig.axes[0].get_title(), line.get_ydata().tolist())",
        batch="figures 0",
        requires=("matplotlib",),
    ),
    State(
        "matplotlib: current figure",
        "figures",
        [
            "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\nfa = plt.figure(); fb = plt.figure(); plt.figure(fa.number)"
        ],
        "print(plt.gcf() is fa, fb.number in plt.get_fignums(), plt.fignum_exists(fa.number))",
        batch="figures 0",
        requires=("matplotlib",),
    ),
    State(
        "matplotlib: axes only",
        "figures",
        ["import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\naxo = plt.figure().add_subplot()"],
        "axo.plot([1]); print(len(axo.figure.axes[0].lines), plt.fignum_exists(axo.figure.number), plt.figure(axo.figure.number) is axo.figure)",
        batch="figures 0",
        requires=("matplotlib",),
    ),
    State(
        "matplotlib: pyplot title",
        "figures",
        [
            "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\nfig, ax = plt.subplots()",
            "plt.figure(fig.number); plt.title('changed without naming it')",
        ],
        "print(ax.get_title(), fig.axes[0].get_title())",
        batch="figures 0",
        requires=("matplotlib",),
    ),
    State(
        "matplotlib: closed figure",
        "figures",
        [
            "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\nfc, axc = plt.subplots(); axc.plot([3]); plt.close(fc)"
        ],
        "print(fc.number in plt.get_fignums(), axc.lines[0].get_ydata())",
        batch="figures 0",
        requires=("matplotlib",),
    ),
    State(
        "matplotlib: subplots grid",
        "figures",
        [
            "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\nfg, axs = plt.subplots(2, 2, sharex=True); axs[0, 0].set_xlim(0, 9)"
        ],
        "axs[1, 1].set_xlim(2, 5); print(axs[0, 0].get_xlim(), axs[0, 1] in fg.axes, axs.shape, axs[0, 0] is fg.axes[0])",
        batch="figures 0",
        requires=("matplotlib",),
    ),
    State(
        "matplotlib: twin colorbar",
        "figures",
        [
            "import matplotlib\nmatplotlib.use('Agg')\nimport numpy as np\nimport matplotlib.pyplot as plt\nft, axt = plt.subplots(); im = axt.imshow(np.eye(3)); cb = ft.colorbar(im); tw = axt.twinx()"
        ],
        "im.set_clim(0, 5); print(cb.vmax, tw.get_figure() is ft, len(ft.axes), im.norm is cb.norm)",
        batch="figures 0",
        requires=("matplotlib",),
    ),
    State(
        "matplotlib: figure callbacks",
        "figures",
        [
            "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\nfk, axk = plt.subplots(); hits = []; cid = fk.canvas.mpl_connect('button_press_event', lambda e: hits.append(1))"
        ],
        "print(len(fk.axes), 'button_press_event' in fk.canvas.callbacks.callbacks)",
        batch="figures 1",
        requires=("matplotlib",),
    ),
    State(
        "matplotlib: animation",
        "figures",
        [
            "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\nfrom matplotlib.animation import FuncAnimation\nfn, axn = plt.subplots(); (ln,) = axn.plot([0]); an = FuncAnimation(fn, lambda i: ln.set_ydata([i]), frames=3)"
        ],
        "print(an._fig is fn); an._draw_was_started = True",
        batch="figures alive",
        expected="reported",
        lost=("an",),
        requires=("matplotlib",),
    ),
    State(
        "matplotlib: data shared with numpy",
        "figures",
        [
            "import matplotlib\nmatplotlib.use('Agg')\nimport numpy as np\nimport matplotlib.pyplot as plt\nd = np.arange(4.); fd, axd = plt.subplots(); (ld,) = axd.plot(d); sc = axd.scatter(d, d)"
        ],
        "print(ld.get_ydata().tolist(), sc.get_offsets().data.tolist()[:2])",
        batch="figures 1",
        requires=("matplotlib",),
    ),
    State(
        "matplotlib: render",
        "figures",
        [
            "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\nimport io\nfr, axr = plt.subplots(); axr.plot([1, 2]); axr.text(.5, .5, 'q'); axr.legend(['a']); axr.annotate('n', (0, 1))"
        ],
        "import io, hashlib\nb = io.BytesIO(); fr.savefig(b, format='raw'); print(hashlib.md5(b.getvalue()).hexdigest())",
        batch="figures 1",
        requires=("matplotlib",),
    ),
    State(
        "matplotlib: drawn",
        "figures",
        [
            "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\nimport io\nfr2, axr2 = plt.subplots(); axr2.plot([1, 2]); axr2.legend(['a']); fr2.canvas.draw()"
        ],
        "import io, hashlib\nb = io.BytesIO(); fr2.savefig(b, format='raw'); print(hashlib.md5(b.getvalue()).hexdigest(), fr2.canvas.figure is fr2, fr2.canvas.manager.num == fr2.number)",
        batch="figures 1",
        requires=("matplotlib",),
    ),
    State(
        "matplotlib: artists",
        "figures",
        [
            "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\np = matplotlib.patches.Circle((0, 0), 1); norm = matplotlib.colors.LogNorm(1, 10); cm = plt.get_cmap('viridis', 8); tr = matplotlib.transforms.Affine2D().rotate(1)"
        ],
        "print(p.radius, norm(5.).round(6), cm.N, cm.name, tr.get_matrix().round(3)[0, 0])",
        batch="figures 1",
        requires=("matplotlib",),
    ),
    State(
        "matplotlib: widgets",
        "figures",
        [
            "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\nfrom matplotlib.widgets import Button\nfw, axw = plt.subplots(); bt = Button(axw, 'go'); clicks = []; bt.on_clicked(lambda e: clicks.append(1))"
        ],
        "print(bt.ax is axw, len(bt._observers.callbacks.get('clicked', {})))",
        batch="figures alive",
        expected="reported",
        lost=("bt",),
        requires=("matplotlib",),
    ),
    State(
        "matplotlib: figure in object",
        "figures",
        [
            "import matplotlib\nmatplotlib.use('Agg')\nimport pyarrow as pa\nimport matplotlib.pyplot as plt\nclass Panel:\n    def __init__(self): self.fig, self.ax = plt.subplots()\npn = Panel(); pa = pn.ax"
        ],
        "pa.plot([1]); print(len(pn.fig.axes[0].lines), plt.fignum_exists(pn.fig.number))",
        batch="figures 2",
        requires=("matplotlib", "pyarrow"),
    ),
    State(
        "matplotlib: figure labels",
        "figures",
        [
            "import matplotlib\nmatplotlib.use('Agg')\nimport matplotlib.pyplot as plt\nfl = plt.figure('named'); ax1 = fl.add_subplot(121); ax2 = fl.add_subplot(122); fl.sca(ax1)"
        ],
        "print(plt.figure('named') is fl, fl.gca() is ax1, plt.get_figlabels()[-1:] and 'named' in plt.get_figlabels())",
        batch="figures 2",
        requires=("matplotlib",),
    ),
]
