"""One file a stage: its settings, what it reads, what it writes, and `run()`.

Stages speak to each other through the run folder only. Each `run` takes the stage's folder, its settings and the
values it uses; `precepts.method` puts them in order.
"""
