import Dispatch
import Synchronization

/// Threads for long computations of tasks, so that these do not occupy the few threads of Swift's cooperative pool, on which all other
/// tasks wait.
final class ComputationThreads: TaskExecutor {
    static let shared = ComputationThreads()

    private let queue = DispatchQueue(label: "SwiftBrush computations", qos: .userInitiated, attributes: .concurrent)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// The result of a long computation, which runs outside the cooperative thread pool.
///
/// The computation is part of the calling task: it stops where it calls `Task.checkCancellation()`, and in the middle of a network's pass that
/// reads ``ComputationCancellation/current``. A task that is cancelled already does not start it, and throws `CancellationError`.
package func outsideCooperativePool<Result: Sendable>(
    _ computation: @Sendable () throws -> Result
) async throws -> Result {
    let cancellation = ComputationCancellation()
    return try await withTaskCancellationHandler {
        try await withTaskExecutorPreference(ComputationThreads.shared) {
            try Task.checkCancellation()
            return try ComputationCancellation.$current.withValue(cancellation) { try computation() }
        }
    } onCancel: {
        cancellation.cancel()
    }
}

/// Whether the task of a computation was cancelled, for the threads that work for it and are not part of the task.
package final class ComputationCancellation: Sendable {
    /// That of the computation ``outsideCooperativePool(_:)`` that the task makes; nil outside of one.
    @TaskLocal package static var current: ComputationCancellation?

    private let flag = Atomic(false)

    package init() {}

    /// Whether the task was cancelled; it stays so.
    package var isCancelled: Bool { flag.load(ordering: .relaxed) }

    package func cancel() { flag.store(true, ordering: .relaxed) }
}

/// The executor of an actor whose methods are long computations.
package final class ComputationQueue: SerialExecutor {
    private let queue = DispatchQueue(label: "SwiftBrush computations of an actor", qos: .userInitiated)

    package init() {}

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
