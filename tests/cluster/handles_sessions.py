"""Two sessions of one notebook, run as scripts by test_handles: the first makes handles, the second gets them back."""

import io
import json
import pickle
import sys
from pathlib import Path


def dump(value):
    import cloudpickle

    file = io.BytesIO()
    pickler = type("Pickler", (cloudpickle.Pickler,), {})(file)  # as the namespace's: handles go by their recipes
    plain = pickler.reducer_override

    def both(obj):
        from nbreplay.namespace import handles

        found = handles._reduce(obj)
        return plain(obj) if found is None else found

    pickler.reducer_override = both
    pickler.dump(value)
    return file.getvalue()


def count(value, place, name):
    with open(Path(place) / name, "a") as file:
        file.write("x")
    return value + 1


def fail():
    raise ZeroDivisionError("on purpose")


def counted(place, name):
    path = Path(place) / name
    return len(path.read_text()) if path.exists() else 0


def start(place, *, serve):
    from nbreplay import tasks
    from nbreplay.namespace import handles as registry
    from nbreplay.store import Store
    from nbreplay.tasks import handles

    handles.register(registry.register)
    early = [name for name in ("dask", "distributed") if name in sys.modules]
    store = Store.open(Path(place) / "store")
    cache = tasks.KernelCache(store, serve=serve, record=True, root=Path(place))
    tasks.install(cache)
    cache.begin("cell 1")
    return store, cache, early


def record(place):
    store, cache, early = start(place, serve=False)
    import dask
    import dask.array as da
    import numpy as np
    from distributed import Client, LocalCluster, Variable, as_completed, wait

    from nbreplay.tasks.handles import DefaultClient

    cluster = LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None)
    client = Client(cluster)
    cluster.scale(2)
    closed = Client(cluster.scheduler_address, set_as_default=False)
    closed.close()
    future = client.submit(count, 1, place, "future", key="the-future")
    erred = client.submit(fail, pure=False)
    scattered = client.scatter(np.arange(5))
    array = da.from_array(np.arange(1000.0), chunks=500).map_blocks(count, place, "array", dtype=float).persist()
    delayed = dask.delayed(count)(1, place, "lazy")
    derived = array.sum()
    variable = Variable("limit")
    variable.set(7)
    wait([future, erred, array])
    bound = as_completed([future])
    cache.settle()
    said = {"early": early, "result": future.result(), "sum": float(derived.compute())}
    try:
        dump(bound)
    except Exception as e:  # noqa: BLE001  # whatever it is, the test looks at it
        said["bound"] = f"{type(e).__name__}: {e}"
    names = {
        "cluster": cluster,
        "client": client,
        "again": client,
        "closed": closed,
        "future": future,
        "erred": erred,
        "scattered": scattered,
        "array": array,
        "derived": derived,
        "delayed": delayed,
        "variable": variable,
    }
    said["tokens"] = {name: _digest(value) for name, value in names.items()}
    streams = {name: dump(value) for name, value in names.items() if name != "again"}
    streams["both"] = dump((client, client, future, future))
    streams["ambient"] = dump(DefaultClient().capture())
    said["sizes"] = {name: len(stream) for name, stream in streams.items()}
    said["counted"] = {name: counted(place, name) for name in ("future", "array", "lazy")}
    (Path(place) / "streams").write_bytes(pickle.dumps(streams))
    client.close()
    cluster.close()
    (Path(place) / "later").write_bytes(dump((client, cluster)))
    said["ambient after"] = DefaultClient().capture()
    cache.close()
    store.close()
    return said


def _digest(value):
    from nbreplay.fingerprint import Mode, walk

    return walk(value, mode=Mode.NAMESPACE, home={}).digest


def restore(place):
    store, cache, early = start(place, serve=True)
    from nbreplay.tasks.handles import DefaultClient, promise

    streams = pickle.loads((Path(place) / "streams").read_bytes())
    said = {"early": early}
    ambient = pickle.loads(streams["ambient"])
    said["after reading the recipe"] = [name for name in ("dask", "distributed") if name in sys.modules]
    promise(ambient)
    said["after promising"] = [name for name in ("dask", "distributed") if name in sys.modules]

    import dask
    import dask.array as da
    from distributed import Client, default_client

    def clients():
        return len([client for client in Client._instances if client.status == "running"])

    lazy = da.ones(10, chunks=5).sum()
    delayed = pickle.loads(streams["delayed"])
    said["digest of delayed"] = _digest(delayed)
    _ = repr(lazy), lazy + 1, dask.visualize
    said["clients after looking"] = clients()
    said["threads"] = [int(lazy.compute(scheduler=name)) for name in ("threads", "sync")]
    with dask.config.set(scheduler="threads"):
        said["threads"].append(int(lazy.compute()))
    said["clients after threads"] = clients()
    said["captured promise"] = DefaultClient().capture()["uid"] == ambient["uid"]
    said["computed"] = int(lazy.compute())
    said["clients after compute"] = clients()
    client = pickle.loads(streams["client"])
    cluster = pickle.loads(streams["cluster"])
    closed = pickle.loads(streams["closed"])
    said["is default"] = default_client() is client
    said["is its cluster"] = client.cluster is cluster
    said["closed"] = [closed.status, repr(closed)]
    client.wait_for_workers(2, timeout=20)
    said["workers"] = len(client.scheduler_info()["workers"])
    one, two, first, second = pickle.loads(streams["both"])
    said["one handle"] = [one is two, one is client, first is second]
    future = pickle.loads(streams["future"])
    said["future"] = [future.key, future.result(timeout=30), future.status]
    erred = pickle.loads(streams["erred"])
    try:
        erred.result(timeout=10)
    except ZeroDivisionError as e:
        said["erred"] = [erred.status, str(e)]
    said["scattered"] = pickle.loads(streams["scattered"]).result(timeout=30).tolist()
    array = pickle.loads(streams["array"])
    said["array"] = [float(array.sum().compute()), str(array.chunks)]
    derived = pickle.loads(streams["derived"])
    said["derived"] = float(derived.compute())
    variable = pickle.loads(streams["variable"])
    said["variable"] = variable.get(timeout=10)
    names = {"client": client, "cluster": cluster, "closed": closed, "future": future, "array": array}
    names |= {"derived": derived, "delayed": delayed, "variable": variable, "erred": erred}
    said["tokens"] = {name: _digest(value) for name, value in names.items()}
    said["counted"] = {name: counted(place, name) for name in ("future", "array", "lazy")}
    promise(None)
    said["no default"] = [_raises(default_client), int(lazy.compute()), dask.config.get("scheduler", None)]
    promise(ambient)
    said["default again"] = default_client() is client
    own = Client(cluster)
    said["own"] = default_client() is own
    own.close()
    shut, gone = pickle.loads((Path(place) / "later").read_bytes())
    said["shut"] = [shut is client, client.status, gone is cluster, str(cluster.status)]
    cache.close()
    store.close()
    return said


def _raises(call):
    try:
        call()
    except ValueError:
        return True
    return False


def broken(place):
    """The recorded cluster cannot be made again."""
    start(place, serve=True)
    from nbreplay.tasks.handles import promise

    streams = pickle.loads((Path(place) / "streams").read_bytes())
    ambient = pickle.loads(streams["ambient"])
    ambient["args"], ambient["kwargs"] = ("tcp://127.0.0.1:9",), {"timeout": "1s"}
    promise(ambient)
    import dask.array as da

    try:
        da.ones(3).sum().compute()
    except Exception as e:  # noqa: BLE001  # whatever it is, the test looks at it
        return {"error": type(e).__name__, "text": str(e)}
    return {}


def secrets(place):
    """What is kept of constructors with secrets in them."""
    start(place, serve=False)
    from distributed import Client, Security
    from distributed.deploy.spec import SpecCluster

    from nbreplay.tasks.handles import KINDS
    from nbreplay.tasks.handles_recipes import made

    class Cloud(SpecCluster):
        def __init__(self, size, *, api_token=None, options=None, **kwargs):
            super().__init__(asynchronous=False, **kwargs)

    cluster = Cloud(3, api_token="hunter2", options={"user": "me", "password": "hunter2", "security": True})
    recipe = KINDS[1].recipe(cluster)
    client = Client(cluster, security=Security())
    said = {"recipe": repr(recipe), "args": made(cluster).args, "left_out": made(cluster).left_out}
    said["client"] = KINDS[0].recipe(client)["left_out"]
    said["signature"] = "api_token" in str(__import__("inspect").signature(Cloud))
    client.close()
    cluster.close()
    return said


if __name__ == "__main__":
    print("\n" + json.dumps(globals()[sys.argv[1]](sys.argv[2])))
