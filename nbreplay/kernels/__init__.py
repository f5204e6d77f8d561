"""Jupyter's face: the kernels *NBReplay Audit* and *NBReplay Repeat*.

::

    audit, repeat        ``python -P -m nbreplay.kernels.audit -f FILE``
    app                  the application: session, streams, which kernel
    kernel, shell        what Jupyter and IPython call; both hand on to
    turns                one execute request: begin, serve or run, finish
    capture, replaying   outputs taken at their source; outputs sent again
    interrupts           signals at a boundary, and while a cell awaits
    notebook             which notebook, which store
    settings             ``c.NBReplay.*``
    magics, views        ``%nbreplay``, and what it shows
    status               the words of the reply
    install              ``nbreplay install``

Importing this package imports none of them: ``notebook`` and ``install`` serve the command line, too.
"""
