"""A synthetic PassportX chain, for the demo, the tests and the benchmarks.

It tells a plausible story: badges, communities and their members, users who come back and users
who do not, revocations, failures, impostors, reorganisations. It is told as Chainhook tells it,
in every encoding.
"""

from ingest.synthetic.chain import DEVNET, Chain, bulk, history, live, split
from ingest.synthetic.encoding import Encoding, deliver
from ingest.synthetic.model import Block, Step, Transaction
from ingest.synthetic.story import DAY_MS, Scale
from ingest.synthetic.truth import told_block, truth

__all__ = [
    "DAY_MS",
    "DEVNET",
    "Block",
    "Chain",
    "Encoding",
    "Scale",
    "Step",
    "Transaction",
    "bulk",
    "deliver",
    "history",
    "live",
    "split",
    "told_block",
    "truth",
]
