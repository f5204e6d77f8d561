"""Values to bytes and back. One module here unpickles: ``gate``.

* Single values (task results, outputs): ``codecs`` picks the first that is exact of ``plain`` with ``plain_arrays``,
  ``tables`` (Arrow), and pickles. ``buffers`` keeps large memory apart.
* Namespaces: ``units`` are values that are pickled as one stream, and its layout; ``dump`` makes the stream, ``pieces``
  cuts a large one, ``sampler`` only looks whether it would be the same.
* How objects are pickled: ``pickler`` asks ``functions``, ``classes``, ``arrays``, ``frames`` (pandas) and ``reducers``
  (single types); ``fallback`` is dill. ``session`` keeps definitions one object over all units, ``standin`` stands for
  what could not be kept.
"""
