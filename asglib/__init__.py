"""Adversarial sample generation for audio representations, and what it is compared with.

Shapes, everywhere: B batch, N samples, F bins, T frames, D dims, C classes, S segments. Waves are
[B, N] float32 in [-1, 1] at 16 kHz, spectrograms [B, F, T], embeddings [B, D]. Imports point down;
`tests/test_tree.py` holds that.

The method                    imports nothing of data/ or study/
   config                     the numbers all methods share (3.2, table 1)
   files                      files that are never half-written and never used damaged
   audio                      files to waves: decode, resample, crop, segment (3.2)
   frontend                   waves to log-spectrograms, linear or mel (2.2)
   positives                  room impulse response, volume, white noise (2.1)
   adversaries                FT, FF, SF, ST (2.2)
   networks, encoder, loading f, from waves to embeddings, and g, the projection head (2.3)
   loss                       NT-Xent, equations 1 and 2 (2.3)
   batches                    which clips a step takes, and crops of them (3.2, 3.4)
   sensitivity                what an encoder notices of a move (1)
   processes, training        LARS, schedule, the loop, exact resume, several processes (2.3, 3.2)
   memory                     bytes of a step, and recomputing where they are too many
   metrics, evaluation        frozen: a linear layer; scores per clip (3.2)
   fine_tuning                encoder and linear layer together (3.2)
   recordings, embedding      encoders for others: one's own recordings as a table
   hear, exporting            the HEAR API, ONNX
   methods/                   one file a method: loss = method(batch, generator), and its numbers
data/                         releases to indexes, files to clips (3.1); imports nothing of study/
study/                        plans, runs, tables, verdicts, figures, reports
"""

from asglib.loading import embed, load

__all__ = ["embed", "load"]
