/// A read-only pointer that the tasks of a parallel region may share.
struct Shared<Pointee>: @unchecked Sendable {
    let pointer: UnsafePointer<Pointee>
    init(_ pointer: UnsafePointer<Pointee>) { self.pointer = pointer }
    static func + (shared: Shared, offset: Int) -> UnsafePointer<Pointee> { shared.pointer + offset }
}

/// A writable pointer that a parallel region may share: each task writes only its own part.
package struct SharedMutable<Pointee>: @unchecked Sendable {
    package let pointer: UnsafeMutablePointer<Pointee>
    package init(_ pointer: UnsafeMutablePointer<Pointee>) { self.pointer = pointer }
    package static func + (shared: SharedMutable, offset: Int) -> UnsafeMutablePointer<Pointee> {
        shared.pointer + offset
    }
}
