import CTensorKernels
import Foundation

/// The memory of a tensor: a run of numbers that the last tensor to let go gives back.
///
/// Float32 in memory of its own, 64-byte aligned, from the pool; or numbers of a mapped file as they are stored there or nearly so,
/// which are only read. Sendable although mutable: a tensor writes only after `isKnownUniquelyReferenced` has said that nobody else
/// reads.
final class TensorStorage: @unchecked Sendable {
    let count: Int
    /// How the numbers are stored.
    let scalarType: ScalarType
    /// Where they are stored.
    let stored: UnsafeMutableRawPointer
    /// What keeps numbers of a file there; nil for memory from the pool.
    private let source: Source?
    /// How many numbers the memory from the pool could hold.
    private let capacity: Int
    /// Numbers that are not Float32, as Float32: made when an operation that needs them all asks for the first time.
    private let widened = Lock<TensorStorage?>(nil)
    /// Numbers of a file in the order in which products read them, where that is kept.
    private let packed = Lock<PackedWeight?>(nil)

    private enum Source {
        /// A file, and the bytes of it to give back when nothing reads them any more.
        case file(MappedFile, UnsafeRawBufferPointer)
        /// Numbers of which these are a part.
        case whole(TensorStorage)
        /// A file's numbers in a type that is computed with.
        case converted(ConvertedNumbers)
    }

    /// Memory that is only read, as long as this lives.
    private final class ConvertedNumbers: @unchecked Sendable {
        let bytes: UnsafeMutableBufferPointer<UInt16>

        init(_ numbers: some Collection<UInt16>) {
            bytes = .allocate(capacity: numbers.count)
            _ = bytes.initialize(fromContentsOf: numbers)
        }

        deinit { bytes.deallocate() }
    }

    /// Float32 memory with unspecified contents.
    init(count: Int) {
        self.count = count
        scalarType = .float32
        let (memory, capacity) = StoragePool.shared.take(count: count)
        stored = UnsafeMutableRawPointer(memory)
        self.capacity = capacity
        source = nil
    }

    /// Numbers of a file: Float32, Float16 or BFloat16, aligned to their size.
    convenience init(mapping bytes: UnsafeRawBufferPointer, as scalarType: ScalarType, of file: MappedFile) {
        self.init(reading: bytes, as: scalarType, from: .file(file, bytes))
    }

    /// Numbers that are BFloat16's, by their bits; at least one.
    convenience init(brain bits: some Collection<UInt16>) {
        let numbers = ConvertedNumbers(bits)
        self.init(reading: UnsafeRawBufferPointer(numbers.bytes), as: .bfloat16, from: .converted(numbers))
    }

    private init(reading bytes: UnsafeRawBufferPointer, as scalarType: ScalarType, from source: Source) {
        guard let base = bytes.baseAddress else { preconditionFailure("TensorStorage: an empty file cannot be mapped") }
        count = bytes.count / scalarType.byteCount
        self.scalarType = scalarType
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

    /// Whether a tensor that alone holds this memory may write to it.
    var isWritable: Bool { source == nil }

    /// The numbers as Float32.
    var base: UnsafeMutablePointer<Float> {
        if scalarType == .float32 { return stored.assumingMemoryBound(to: Float.self) }
        let storage = widened.withLock { widened in
            let storage = widened ?? copy()
            widened = storage
            return storage
        }
        return storage.base
    }

    /// The weight whose numbers these are, packed: kept from the first call on, if they are a file's and the budget allows it.
    func packed(_ weight: Tensor) -> PackedWeight? {
        guard case .file(let file, let bytes) = source, weight.count == count else { return nil }
        return packed.withLock { packed in
            if packed == nil {
                packed = PackedWeight(weight)
                if packed != nil { file.giveBack(bytes) }
            }
            return packed?.outputs == weight.shape[0] ? packed : nil
        }
    }

    /// The numbers as Float32 in memory of their own.
    func copy() -> TensorStorage {
        let result = TensorStorage(count: count)
        widen(0..<count, into: result.base)
        return result
    }

    /// A range of mapped numbers, mapped too; nil for memory from the pool.
    func mappedPart(_ range: Range<Int>) -> TensorStorage? {
        guard !isWritable, !range.isEmpty else { return nil }
        let width = scalarType.byteCount
        let bytes = UnsafeRawBufferPointer(start: stored + range.lowerBound * width, count: range.count * width)
        return TensorStorage(reading: bytes, as: scalarType, from: .whole(self))
    }

    /// Writes the numbers of a range as Float32.
    func widen(_ range: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        switch scalarType {
        case .float16, .bfloat16:
            let source = stored.assumingMemoryBound(to: UInt16.self) + range.lowerBound
            if scalarType == .float16 {
                kernels.widen_half(range.count, source, target)
            } else {
                kernels.widen_brain(range.count, source, target)
            }
        default:
            target.update(from: stored.assumingMemoryBound(to: Float.self) + range.lowerBound, count: range.count)
        }
    }
}
