"""Fake time: the very same `decide` on a load that was recorded or made, beside other scalers' rules.

    trace file / pattern --> Load --World--> waits, worker-seconds, starts --> Outcome
                                    ▲  │
               orders (start, drain)│  ▼ what a tick would see
                                   Scaler: ours (decide), or a peer

Deterministic: the same load, setting, scaler and seed give the same outcome.
"""
