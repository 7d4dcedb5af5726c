"""Adversarial sample generation for audio representations, reproduced: the map of the rooms.

Shapes, everywhere: B batch, N samples, F bins, T frames, D dims, C classes, S segments. Waves are [B, N] float32 in
[-1, 1] at 16 kHz, spectrograms [B, F, T], embeddings [B, D]. Imports point down only; `tests/test_tree.py` holds that.

0  the method and its numbers
   config        every number of the paper (3.2, table 1); the profiles
   audio         files to waves: decode, resample, crop, segment (3.2)
   frontend      waves to log-spectrograms, linear or mel (2.2)
   positives     room impulse response, volume, white noise (2.1)
   adversaries   FT, FF, SF, ST (2.2)
   encoder       f, the residual networks, and g, the projection head (2.3)
   loss          NT-Xent, equations 1 and 2 (2.3)
   batch, files  what a method sees of the data; files that are never half-written
1  data and numbers
   datasets/, toy, rirs          the table of data sets, the embedded corpus, impulse responses (3.1)
   measures                      what an encoder notices of a move (1)
   results/                      records, intervals, verdicts, the audit of the paper's arithmetic (3.3 to 3.5)
   figures/, report/             all that is drawn; what a notebook shows, and its page
   provenance, distributed       where a number comes from; several processes
2  methods/, training, evaluation   loss = method(batch, generator); pretraining; frozen and fine-tuned (2.3, 3.2)
   prepare/                      a release on disk: fetched, checked, converted, reported (3.1)
3  plans, corpus, runs, experiment, pool   which runs a table needs; found, resumed or computed
   probing/                      questions put to trained encoders; what is heard
4  study, scorecard, forecast, __main__    the batch and the command line
"""
