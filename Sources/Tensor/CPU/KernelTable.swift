import CTensorKernels

/// The kernels of this processor's instruction set: a constant table of functions, chosen once.
nonisolated(unsafe) let kernels = tensor_kernels().pointee

/// Hints to the processor that the thread is spinning until a number in memory changes.
func pauseInSpinLoop() { tensor_pause() }
