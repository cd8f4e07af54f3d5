import CTensorKernels
import Foundation
import Synchronization

/// The memory of a tensor: a run of numbers that the last tensor to let go gives back.
///
/// Float32 in memory of its own, 64-byte aligned, from the pool; or numbers of a mapped file as they are stored there, which
/// are only read. Sendable although mutable: a tensor writes only after `isKnownUniquelyReferenced` has said that nobody else
/// reads.
final class TensorStorage: @unchecked Sendable {
    let count: Int
    /// How the numbers are stored.
    let scalarType: ScalarType
    /// Where they are stored.
    let stored: UnsafeMutableRawPointer
    /// What keeps them there; nil for memory from the pool.
    private let file: MappedFile?
    /// How many numbers the memory from the pool could hold.
    private let capacity: Int
    /// Numbers that are not Float32, as Float32: made when an operation that needs them all asks for the first time.
    private let widened = Mutex<TensorStorage?>(nil)

    /// Float32 memory with unspecified contents.
    init(count: Int) {
        self.count = count
        scalarType = .float32
        let (memory, capacity) = StoragePool.shared.take(count: count)
        stored = UnsafeMutableRawPointer(memory)
        self.capacity = capacity
        file = nil
    }

    /// Numbers of a file: Float32, Float16 or BFloat16, aligned to their size.
    init(mapping bytes: UnsafeRawBufferPointer, as scalarType: ScalarType, of file: MappedFile) {
        guard let base = bytes.baseAddress else { preconditionFailure("TensorStorage: an empty file cannot be mapped") }
        count = bytes.count / scalarType.byteCount
        self.scalarType = scalarType
        stored = UnsafeMutableRawPointer(mutating: base)
        self.file = file
        capacity = 0
    }

    deinit {
        guard file == nil else { return }
        StoragePool.shared.put(stored.assumingMemoryBound(to: Float.self), capacity: capacity)
    }

    /// Whether a tensor that alone holds this memory may write to it.
    var isWritable: Bool { file == nil }

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

    /// The numbers as Float32 in memory of their own.
    func copy() -> TensorStorage {
        let result = TensorStorage(count: count)
        widen(0..<count, into: result.base)
        return result
    }

    /// A range of mapped numbers, mapped too; nil for memory from the pool.
    func mappedPart(_ range: Range<Int>) -> TensorStorage? {
        guard let file, !range.isEmpty else { return nil }
        let width = scalarType.byteCount
        let bytes = UnsafeRawBufferPointer(start: stored + range.lowerBound * width, count: range.count * width)
        return TensorStorage(mapping: bytes, as: scalarType, of: file)
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
