"""RAG: four tasks cut books into chunks; an index over them lives in the kernel."""

from __future__ import annotations

from nbreplay.bench.model import Change, Ideal, Parameters, Tasks, Workload
from nbreplay.share.edits import Edit

SOURCE = '''
# %%
import json
import math
import re
from collections import Counter
from pathlib import Path

import numpy as np
from dask.distributed import Client, LocalCluster

CHUNK = 1000
OVERLAP = 200

# %%
def write_book(path, size, seed):
    """Words of a seeded generator, in sentences and paragraphs, with a head and a tail to strip."""
    rng = np.random.default_rng(seed)
    letters = rng.integers(97, 123, (5000, 9), dtype=np.uint8)
    lengths = rng.integers(2, 10, 5000)
    words = [bytes(row[:n]).decode() for row, n in zip(letters, lengths)]
    count = size // 6
    ends = rng.random(count)
    picked = rng.zipf(1.3, count) % 5000
    text = [
        words[w] + (".\\n\\n" if end > 0.99 else ". " if end > 0.93 else "  " if end < 0.05 else " ")
        for w, end in zip(picked.tolist(), ends.tolist())
    ]
    Path(path).write_text("Licence\\n*** START OF BOOK ***\\n" + "".join(text) + "\\n*** END OF BOOK ***\\nLicence\\n")


Path("books").mkdir(exist_ok=True)
SCALE = @scale@
BOOKS = [
    ("books/1.txt", 10 * SCALE, 101),
    ("books/2.txt", 28 * SCALE, 102),
    ("books/3.txt", 20 * SCALE, 103),
    ("books/4.txt", 370 * SCALE, 104),
]
for path, size, seed in BOOKS:
    write_book(path, size, seed + @seed@)
book_paths = [path for path, _, _ in BOOKS]

# %%
def clean_and_chunk_book(path, id):
    text = Path(path).read_text()
    text = text.split("*** START OF BOOK ***")[1].split("*** END OF BOOK ***")[0]
    text = re.sub(r"[ \\t]+", " ", text)
    text = re.sub(r"\\n\\s*\\n", "\\n\\n", text).strip()

    def cut(part, separators):
        if len(part) <= CHUNK or not separators:
            return [part]
        pieces, current = [], ""
        for piece in part.split(separators[0]):
            if len(piece) > CHUNK:
                pieces += [current] if current else []
                pieces += cut(piece, separators[1:])
                current = ""
            elif len(current) + len(piece) + 1 > CHUNK:
                pieces.append(current)
                current = current[-OVERLAP:] + separators[0] + piece if len(piece) + OVERLAP < CHUNK else piece
            else:
                current = current + separators[0] + piece if current else piece
        return pieces + ([current] if current else [])

    records = []
    for n, chunk in enumerate(cut(text, ["\\n\\n", ". ", " "])):
        words = re.findall(r"[a-z]+", chunk.lower())
        counts = Counter(words)
        records.append(
            {
                "book": id,
                "number": n,
                "text": chunk,
                "length": len(chunk),
                "words": len(words),
                "distinct": len(counts),
                "common": counts.most_common(3),
                "sentences": chunk.count("."),
                "entropy": -sum(c / len(words) * math.log2(c / len(words)) for c in counts.values()) if words else 0.0,
            }
        )
    return records

# %%
client = @cluster@

# %%
futures = [client.submit(clean_and_chunk_book, path, number) for number, path in enumerate(book_paths, 1)]

# %%
records = [record for book in client.gather(futures) for record in book]
Path("corpus.json").write_text(json.dumps(records))
print(len(records), "chunks")

# %%
class BM25:
    k1 = 1.5
    b = 0.75

    def __init__(self, texts):
        words = [re.findall(r"[a-z]+", text.lower()) for text in texts]
        self.lengths = np.array([len(w) for w in words])
        self.postings = {}
        for n, ws in enumerate(words):
            for word, count in Counter(ws).items():
                self.postings.setdefault(word, []).append((n, count))

    def scores(self, query):
        total = np.zeros(len(self.lengths))
        norm = self.k1 * (1 - self.b + self.b * self.lengths / self.lengths.mean())
        for word in query.lower().split():
            found = self.postings.get(word, [])
            weight = math.log(1 + (len(total) - len(found) + 0.5) / (len(found) + 0.5))
            for n, count in found:
                total[n] += weight * count * (self.k1 + 1) / (count + norm[n])
        return total


index = BM25([record["text"] for record in records])

# %%
def rag_query(query, k=4):
    scores = index.scores(query)
    best = np.argsort(-scores, kind="stable")[:k]
    return [(records[n]["book"], records[n]["number"], round(float(scores[n]), 6)) for n in best]

# %%
query_a = " ".join(records[0]["text"].split()[10:16])
print("A:", rag_query(query_a))

# %%
query_b = " ".join(records[-1]["text"].split()[20:26])
print("B:", rag_query(query_b))
'''

TASK = "clean_and_chunk_book"


def changes(_: Parameters) -> tuple[Change, ...]:
    """Return the edits of the notebook and what they must run."""
    return (
        Change(
            name="query-b",
            edits=(Edit(cell=10, old="[20:26]", new="[30:38]"),),
            cells=(10,),
            trap="the index is restored, a client over several cells is not needed",
        ),
        Change(
            name="chunk",
            edits=(Edit(cell=1, old="CHUNK = 1000", new="CHUNK = 800"),),
            cells=(1, 5, 6, 7, 8, 9, 10),
            may=(3,),
            tasks={TASK: Tasks(executed=4)},
            trap="captured from globals",
        ),
        Change(
            name="fifth-book",
            edits=(
                Edit(cell=2, old="370 * SCALE, 104),", new='370 * SCALE, 104),\n    ("books/5.txt", 10 * SCALE, 105),'),
            ),
            cells=(2, 5, 6, 7, 8, 9, 10),
            tasks={TASK: Tasks(executed=1, hit=4)},
        ),
        Change(
            name="book-2",
            edits=(Edit(cell=2, old="28 * SCALE, 102", new="28 * SCALE, 112"),),
            cells=(2, 5, 6, 7, 8, 9, 10),
            tasks={TASK: Tasks(executed=1, hit=3)},
            trap="only workers read the files",
        ),
        Change(name="k", edits=(Edit(cell=8, old="k=4", new="k=6"),), cells=(8, 9, 10)),
        Change(
            name="class-parameter",
            edits=(Edit(cell=7, old="k1 = 1.5", new="k1 = 1.2"),),
            cells=(7, 8, 9, 10),
            trap="a new version of the class",
        ),
        Change(
            name="same-chunks",
            edits=(
                Edit(cell=3, old="    records = []\n    for n, chunk", new="    records = list()\n    for n, chunk"),
            ),
            cells=(3, 5, 6),
            tasks={TASK: Tasks(executed=4)},
            trap="the chunks are equal, so the index stays",
        ),
    )


WORKLOAD = Workload(
    name="rag",
    title="RAG",
    source=SOURCE,
    sizes={
        "smoke": {"scale": 200},
        "small": {"scale": 2_000},
        "medium": {"scale": 15_000},
        "large": {"scale": 150_000},
    },
    changes=changes,
    tasks=lambda _: {TASK: 4},
    ideal=Ideal(
        change="query-b",
        before=(
            1,
            2,
            3,
            "records = [r for n, path in enumerate(book_paths, 1) for r in clean_and_chunk_book(path, n)]",
            7,
            8,
        ),
        timed=(10,),
    ),
    functions=("3:clean_and_chunk_book",),
)
