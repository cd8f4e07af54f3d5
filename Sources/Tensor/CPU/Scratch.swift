/// Calls `body` with memory for `count` numbers of unspecified content, taken from the tensors' pool.
func withScratch<Result>(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Result) -> Result {
    let storage = TensorStorage(count: count)
    return withExtendedLifetime(storage) { body(storage.base) }
}
