/// A read-only pointer that the tasks of a parallel region may share.
package struct Shared<Pointee>: @unchecked Sendable {
    package let pointer: UnsafePointer<Pointee>
    /// The memory to which it points, if that is a tensor's; it is kept as long as this value.
    private let owner: TensorStorage?

    package init(_ pointer: UnsafePointer<Pointee>) { self.init(pointer, owner: nil) }

    private init(_ pointer: UnsafePointer<Pointee>, owner: TensorStorage?) {
        (self.pointer, self.owner) = (pointer, owner)
    }

    package static func + (shared: Shared, offset: Int) -> UnsafePointer<Pointee> { shared.pointer + offset }
}

extension Shared<Float> {
    /// A tensor's numbers as Float32. Those that are stored in fewer bits are widened for the time of this value; nothing else reads
    /// or keeps the copy.
    package init(_ tensor: Tensor) {
        let storage = tensor.scalarType == .float32 ? tensor.storage : tensor.storage.copy()
        self.init(storage.base, owner: storage)
    }
}

/// A writable pointer that a parallel region may share: each task writes only its own part.
package struct SharedMutable<Pointee>: @unchecked Sendable {
    package let pointer: UnsafeMutablePointer<Pointee>
    package init(_ pointer: UnsafeMutablePointer<Pointee>) { self.pointer = pointer }
    package static func + (shared: SharedMutable, offset: Int) -> UnsafeMutablePointer<Pointee> {
        shared.pointer + offset
    }
}
