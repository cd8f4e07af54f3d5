import Foundation
import Synchronization

/// The threads that tensor operations run on: a process-wide setting, by default `TENSOR_THREADS` of the environment, or one per processor
/// core.
public enum ThreadPool {
    private static let count = Atomic<Int>(
        EnvironmentSetting.integer("TENSOR_THREADS", in: threadCounts)
            ?? max(1, ProcessInfo.processInfo.activeProcessorCount))

    /// The valid values of ``threadCount``.
    public static let threadCounts = 1...1024

    /// The number of threads that an operation may use, 1 to 1024. Results are bit-identical for a given number of threads, and
    /// differ by less than 1e-6 relative between different numbers.
    public static var threadCount: Int {
        get { count.load(ordering: .relaxed) }
        set {
            require(
                threadCounts.contains(newValue), "ThreadPool.threadCount: expected \(threadCounts), found \(newValue)")
            count.store(newValue, ordering: .relaxed)
        }
    }
}
