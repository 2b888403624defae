"""Taking over an old set-up: a first config from it, and its workers.

    supervisord's files --ini, programs--> OldProgram --command, drafts--> FleetDraft --yaml_text--> text
    queue file, celeryd defaults ---------------------------------------> FleetDraft
    the user's app, asked by its own interpreter (ask_app) -> AppFacts    (queues, routes, broker)

Reading and writing texts is pure; `app`, `find`, `first_config` and `adopt` are the edges.
"""
