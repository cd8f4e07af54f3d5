/// Calls `body` with memory for `count` numbers of unspecified content, aligned to cache lines, taken from the tensors' pool.
func withScratch<Result>(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Result) -> Result {
    let storage = TensorStorage(count: count)
    return withExtendedLifetime(storage) { body(storage.base) }
}

/// Calls `body` with `byteCount` bytes of unspecified content, aligned to cache lines.
func withScratch<Result>(byteCount: Int, _ body: (UnsafeMutableRawPointer) -> Result) -> Result {
    withScratch(scratchCount(byteCount)) { body(UnsafeMutableRawPointer($0)) }
}

/// How many Float32 numbers hold `byteCount` bytes.
func scratchCount(_ byteCount: Int) -> Int { (byteCount + 3) / 4 }
