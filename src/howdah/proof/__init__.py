"""
The independent verifier: reads every row of both sides and says whether they are the same.

It stands on `codecs` (only `decode` and `project`), on `sqlite` and `postgres` for
reading, and on nothing of the load. `verify.verify` is the way in; `rows`,
`compare`, `align`, `canonical`, `sums`, `matching` and `render` are pure.
"""
