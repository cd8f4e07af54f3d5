import Foundation

/// The memory of a tensor: contiguous numbers, released with the last tensor that uses them.
///
/// Either Float32 numbers in 64-byte aligned memory from the pool, or read-only numbers of a mapped file, in the file's type, or converted
/// to a type of 8 or 16 bits, or a part of another storage, which is not written to. Sendable although mutable: a tensor writes only after `isKnownUniquelyReferenced` has confirmed that no
/// other tensor reads.
final class TensorStorage: @unchecked Sendable {
    let count: Int
    /// The type in which the numbers are stored.
    let scalarType: ScalarType
    /// The address of the first number.
    let stored: UnsafeMutableRawPointer
    /// The scales of 8-bit integers; nil for other types.
    let scales: RowScales?
    /// The owner of memory that this storage does not have from the pool itself; nil if it does.
    private let source: Source?
    /// The capacity of memory from the pool, in numbers.
    private let capacity: Int
    /// What is derived from a file's numbers and kept as long as they are, such as a packed copy.
    private let derivedValues = Lock<[DerivedKey: any AnyObject & Sendable]>([:])

    private enum Source {
        /// A file, and the bytes of it to release when they are no longer read.
        case file(FileBytes, UnsafeRawBufferPointer)
        /// A larger storage, of which this is a part.
        case whole(TensorStorage)
        /// Numbers converted to a type that the kernels read.
        case converted(ConvertedNumbers)
    }

    /// Memory of converted numbers, which are only read.
    final class ConvertedNumbers: @unchecked Sendable {
        let bytes: UnsafeMutableRawBufferPointer

        init(byteCount: Int) { bytes = .allocate(byteCount: byteCount, alignment: 64) }

        deinit { bytes.deallocate() }
    }

    /// Float32 memory with unspecified contents.
    init(count: Int) {
        self.count = count
        scalarType = .float32
        let (memory, capacity) = StoragePool.shared.take(count: count)
        stored = UnsafeMutableRawPointer(memory)
        scales = nil
        self.capacity = capacity
        source = nil
    }

    /// Numbers of a file: Float32, Float16 or BFloat16, aligned to their size, or 8-bit integers with their scales.
    convenience init(
        mapping bytes: UnsafeRawBufferPointer, as scalarType: ScalarType, scales: RowScales? = nil, of file: FileBytes
    ) {
        self.init(reading: bytes, as: scalarType, scales: scales, from: .file(file, bytes))
    }

    /// BFloat16 numbers given by their bits; at least one.
    convenience init(brain bits: some Collection<UInt16>) {
        let numbers = ConvertedNumbers(byteCount: 2 * bits.count)
        _ = numbers.bytes.bindMemory(to: UInt16.self).initialize(fromContentsOf: bits)
        self.init(reading: UnsafeRawBufferPointer(numbers.bytes), as: .bfloat16, from: .converted(numbers))
    }

    /// 8-bit integers, at least one.
    convenience init(integers: ConvertedNumbers, scales: RowScales) {
        self.init(
            reading: UnsafeRawBufferPointer(integers.bytes), as: .int8, scales: scales, from: .converted(integers))
    }

    private init(
        reading bytes: UnsafeRawBufferPointer, as scalarType: ScalarType, scales: RowScales? = nil, from source: Source
    ) {
        guard let base = bytes.baseAddress else { fatalError("TensorStorage: an empty file cannot be mapped") }
        require(
            (scalarType == .int8) == (scales != nil), "TensorStorage: \(scalarType.rawValue) needs scales if it is I8")
        count = bytes.count / scalarType.byteCount
        self.scalarType = scalarType
        self.scales = scales
        stored = UnsafeMutableRawPointer(mutating: base)
        self.source = source
        capacity = 0
    }

    deinit {
        switch source {
        case nil: StoragePool.shared.put(stored.assumingMemoryBound(to: Float.self), capacity: capacity)
        case .file(let file, let bytes): file.giveBack(bytes)
        case .whole, .converted: break
        }
    }

    /// Whether a tensor that is the only owner of this memory may write to it.
    var isWritable: Bool { source == nil }

    /// The numbers, which must be stored as Float32.
    var base: UnsafeMutablePointer<Float> {
        require(scalarType == .float32, "TensorStorage.base: expected Float32, found \(scalarType.rawValue)")
        return stored.assumingMemoryBound(to: Float.self)
    }

    private struct DerivedKey: Hashable {
        let type: ObjectIdentifier
        let parameters: [Int]
    }

    /// A value derived from the numbers that is kept as long as they are, one for each of its type's `parameters`: `make` is called the
    /// first time that it is asked for, and again as long as that returns nil. Only numbers that are never written keep values; for others
    /// it is nil. Once a value is made, a file's pages are released from memory until they are read again.
    func derived<Value: AnyObject & Sendable>(_ parameters: [Int], make: () -> Value?) -> Value? {
        if isWritable { return nil }
        if case .whole = source { return nil }
        let key = DerivedKey(type: ObjectIdentifier(Value.self), parameters: parameters)
        return derivedValues.withLock { values in
            if let value = values[key] as? Value { return value }
            guard let value = make() else { return nil }
            values[key] = value
            if case .file(let file, let bytes) = source { file.giveBack(bytes) }
            return value
        }
    }

    /// The numbers as Float32 in memory of their own.
    func copy() -> TensorStorage {
        let result = TensorStorage(count: count)
        widen(0..<count, into: result.base)
        return result
    }

    /// The numbers of a range, without a copy: the part keeps all of this memory as long as it lives.
    func part(_ range: Range<Int>) -> TensorStorage {
        let width = scalarType.byteCount
        let bytes = UnsafeRawBufferPointer(start: stored + range.lowerBound * width, count: range.count * width)
        return TensorStorage(
            reading: bytes, as: scalarType, scales: scales?.from(range.lowerBound), from: .whole(self))
    }

    /// Writes the numbers of a range as Float32.
    func widen(_ range: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        let first = stored + range.lowerBound * scalarType.byteCount
        if let scales {
            scales.widen(first.assumingMemoryBound(to: Int8.self), range, into: target)
        } else {
            scalarType.widen(first, count: range.count, into: target)
        }
    }
}
