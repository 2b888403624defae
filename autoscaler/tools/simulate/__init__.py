"""The simulator: the daemon's own decisions in fake time, and other scalers' rules.

    trace file / pattern --> Load --World--> waits, worker-seconds, starts --> Outcome
                                    ▲  │
               orders (start, drain)│  ▼ what a tick would see
                                   Scaler: ours (decide), or a peer

Deterministic: the same load, setting, scaler and seed give the same outcome.
"""
