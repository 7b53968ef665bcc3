"""One module a case; its `measure` gives a record. Their arguments mean the same in every case:

model: what is run.
rounds: how often each system has its turn.
shapes: batch x sequence each, in tokens; none is the case's own.
threads, cores: so many at a time; none is one and all.
only: names of systems or engines, ours besides; none is all.
"""
