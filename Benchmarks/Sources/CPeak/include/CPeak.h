#ifndef C_PEAK_H
#define C_PEAK_H

/// Does `count` rounds of fused multiply-adds on registers alone, with the widest vectors of this processor.
///
/// Returns how many floating-point operations that were, two a multiply-add; `*sink` keeps the compiler from dropping them.
double peak_run(long count, float *sink);

#endif
