import Foundation

/// The memory of a tensor: one 64-byte aligned run of Float32, returned to the pool when the last tensor lets go.
///
/// Sendable although mutable: a tensor writes only after `isKnownUniquelyReferenced` has said that nobody else reads.
final class TensorStorage: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    let count: Int
    private let capacity: Int

    /// Memory with unspecified contents.
    init(count: Int) {
        self.count = count
        capacity = StoragePool.capacity(for: count)
        base = StoragePool.shared.take(capacity: capacity)
    }

    deinit {
        StoragePool.shared.put(base, capacity: capacity)
    }

    func copy() -> TensorStorage {
        let result = TensorStorage(count: count)
        result.base.update(from: base, count: count)
        return result
    }
}
