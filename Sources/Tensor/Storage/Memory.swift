import CTensorKernels

/// The kernels of this processor's instruction set: a constant table of functions, chosen once.
nonisolated(unsafe) package let kernels = tensor_kernels().pointee

/// A read-only pointer that the tasks of a parallel region may share.
package struct Shared<Pointee>: @unchecked Sendable {
    package let pointer: UnsafePointer<Pointee>
    package init(_ pointer: UnsafePointer<Pointee>) { self.pointer = pointer }
    package static func + (shared: Shared, offset: Int) -> UnsafePointer<Pointee> { shared.pointer + offset }
}

/// A writable pointer that a parallel region may share: each task writes only its own part.
package struct SharedMutable<Pointee>: @unchecked Sendable {
    package let pointer: UnsafeMutablePointer<Pointee>
    package init(_ pointer: UnsafeMutablePointer<Pointee>) { self.pointer = pointer }
    package static func + (shared: SharedMutable, offset: Int) -> UnsafeMutablePointer<Pointee> {
        shared.pointer + offset
    }
}

/// Calls `body` with memory for `count` numbers of unspecified content, taken from the tensors' pool.
package func withScratch<Result>(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Result) -> Result {
    let storage = TensorStorage(count: count)
    return withExtendedLifetime(storage) { body(storage.base) }
}
