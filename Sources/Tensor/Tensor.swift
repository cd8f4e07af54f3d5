import Foundation

/// A dense array of Float32 in row-major order, with value semantics.
///
/// Copies share memory until one of them is written. Feature maps are channels-last, `[batch, height, width, channels]`;
/// ``channelsLast()`` and ``channelsFirst()`` convert from and to PyTorch's layout.
///
/// Weights mapped from a file stay in the map, in the file's type (``scalarType``), which for 8-bit integers includes a scale for each index
/// of the first axis. Matrix products, convolutions,
/// ``gathered(rows:)`` and slices widen them to Float32 as they read; any other operation widens the whole tensor each time, and
/// keeps no copy. ``widened()`` is for tensors that many operations read. A tensor that is written to becomes Float32.
public struct Tensor: Sendable {
    /// The extent of each axis, outermost first; `[]` is a scalar.
    public let shape: [Int]
    private(set) var storage: TensorStorage

    /// A tensor over fresh memory of unspecified contents.
    init(uninitialized shape: [Int]) {
        self.shape = shape
        storage = TensorStorage(count: elementCount(of: shape))
    }

    /// The same elements under another shape of equally many elements. The scales of 8-bit integers are those of the first axis: if it
    /// changes, they become Float32.
    init(_ other: Tensor, shape: [Int]) {
        self.shape = shape
        let isScaledOtherwise = other.scalarType == .int8 && shape.first != other.shape.first
        storage = isScaledOtherwise ? other.storage.copy() : other.storage
    }

    /// The same memory under a shape that fits it.
    init(_ storage: TensorStorage, shape: [Int]) {
        self.shape = shape
        self.storage = storage
    }

    /// The type in which the elements are stored: Float32, or that of weights from a file.
    public var scalarType: ScalarType { storage.scalarType }

    /// The number of elements.
    public var count: Int { storage.count }

    /// The number of axes.
    public var rank: Int { shape.count }

    /// A pointer to the elements, for writing. Copies them first if another tensor shares them.
    package mutating func mutableBase() -> UnsafeMutablePointer<Float> {
        if !isWrittenInPlace() { storage = storage.copy() }
        return storage.base
    }

    /// Whether the elements can be written without a copy: no other tensor shares them, and they are neither from a file nor a part.
    mutating func isWrittenInPlace() -> Bool { isKnownUniquelyReferenced(&storage) && storage.isWritable }
}

extension Tensor {
    /// A tensor of `shape` with the given elements in row-major order; their number must fit the shape.
    public init(_ scalars: [Float], shape: [Int]) {
        let expected = elementCount(of: shape)
        require(
            scalars.count == expected,
            "Tensor(_:shape:): \(shape) holds \(expected) elements, found \(scalars.count)")
        self.init(uninitialized: shape)
        scalars.withUnsafeBufferPointer { source in
            if let address = source.baseAddress { storage.base.update(from: address, count: expected) }
        }
    }

    /// A scalar, of shape `[]`.
    public init(_ scalar: Float) {
        self.init([scalar], shape: [])
    }

    /// One number per sample of a batch of images, `[count, 1, 1, 1]`.
    package init(perSample scalars: [Float]) {
        self.init(scalars, shape: [scalars.count, 1, 1, 1])
    }

    /// A tensor whose elements are all `value`.
    public init(repeating value: Float, shape: [Int]) {
        self.init(uninitialized: shape)
        storage.base.update(repeating: value, count: count)
    }

    /// A tensor whose elements `body` writes; it gets the memory with unspecified contents and must fill all of it.
    ///
    /// Rethrows what `body` throws.
    public init(
        shape: [Int], initializingWith body: (UnsafeMutableBufferPointer<Float>) throws -> Void
    ) rethrows {
        self.init(uninitialized: shape)
        try body(UnsafeMutableBufferPointer(start: storage.base, count: count))
    }

    /// A tensor of zeros.
    public static func zeros(_ shape: [Int]) -> Tensor { Tensor(repeating: 0, shape: shape) }

    /// A tensor of ones.
    public static func ones(_ shape: [Int]) -> Tensor { Tensor(repeating: 1, shape: shape) }
}

extension Tensor {
    /// The elements in row-major order.
    public var scalars: [Float] { withUnsafeScalars { Array($0) } }

    /// The same elements as Float32; a copy if they are stored in another type.
    public func widened() -> Tensor { scalarType == .float32 ? self : Tensor(storage.copy(), shape: shape) }

    /// The bytes of memory that all tensors use now, besides mapped files.
    package static var usedByteCount: Int { StoragePool.shared.usedByteCount }

    /// The elements in their stored type.
    var storedBytes: Data {
        withExtendedLifetime(storage) { Data(bytes: storage.stored, count: count * scalarType.byteCount) }
    }

    /// The element of a tensor that has only one.
    public var item: Float {
        require(count == 1, "Tensor.item: expected one element, found shape \(shape)")
        return element(0)
    }

    /// Calls `body` with the elements, in row-major order. The buffer is valid only during the call.
    public func withUnsafeScalars<Result>(
        _ body: (UnsafeBufferPointer<Float>) throws -> Result
    ) rethrows -> Result {
        let numbers = Shared(self)
        return try withExtendedLifetime(numbers) {
            try body(UnsafeBufferPointer(start: numbers.pointer, count: count))
        }
    }

    /// Calls `body` with the elements for writing, in row-major order. The buffer is valid only during the call.
    public mutating func withUnsafeMutableScalars<Result>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws -> Result
    ) rethrows -> Result {
        try body(UnsafeMutableBufferPointer(start: mutableBase(), count: count))
    }

    /// The element at the given indices, one per axis.
    public subscript(_ index: Int...) -> Float {
        get { element(offset(of: index)) }
        set { mutableBase()[offset(of: index)] = newValue }
    }

    /// The element at a place in row-major order.
    private func element(_ place: Int) -> Float {
        var result: Float = 0
        storage.widen(place..<place + 1, into: &result)
        return result
    }

    private func offset(of index: [Int]) -> Int {
        require(
            index.count == rank && zip(index, shape).allSatisfy { $0 >= 0 && $0 < $1 },
            "Tensor subscript: \(index) is outside shape \(shape)")
        return zip(index, shape).reduce(0) { $0 * $1.1 + $1.0 }
    }
}

extension Tensor: CustomStringConvertible {
    /// The shape and the first elements.
    public var description: String {
        let shown = scalars.prefix(8).map { "\($0)" }.joined(separator: ", ")
        return "Tensor(\(shape): \(shown)\(count > 8 ? ", …" : ""))"
    }
}

/// The number of elements of a shape; extents must not be negative.
package func elementCount(of shape: [Int]) -> Int {
    shape.reduce(1) { product, extent in
        require(extent >= 0, "shape \(shape): extents must not be negative")
        let (count, isTooLarge) = product.multipliedReportingOverflow(by: extent)
        require(!isTooLarge, "shape \(shape): more elements than memory can hold")
        return count
    }
}
