import DiffusionModels
import Tensor

/// A training that tasks share and that runs on a thread of its own, outside Swift's cooperative pool.
///
/// ```swift
/// let training = BackgroundTraining(try Distiller(teacher: teacher, prompts: prompts))
/// for try await step in training.steps(to: 1_000) { print(step.studentLoss) }
/// let student = try await training.withTraining { try $0.studentModel(of: teacher) }
/// ```
///
/// A step stops with the task that takes it, within one network pass, and then leaves the training as it was before the step.
public actor BackgroundTraining<Training: ResumableTraining> {
    private let training: Training
    private let queue = ComputationQueue()
    private var loop: TrainingLoop<Training>?

    /// The thread of the training.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    /// Hands a training over to the actor; it must not be used directly any more.
    public init(_ training: sending Training) { self.training = training }

    /// The number of steps taken so far.
    public var stepCount: Int { training.stepCount }

    /// Takes the next step. Throws what the training's step throws, and `CancellationError`.
    @discardableResult
    public func step() throws -> Training.Step {
        try Task.checkCancellation()
        return try training.step()
    }

    /// The result of a function of the training, such as a copy of what was trained; no step is taken meanwhile.
    public func withTraining<Result: Sendable>(_ body: @Sendable (Training) throws -> Result) rethrows -> Result {
        try body(training)
    }

    /// The training's remaining steps, as they are pulled.
    ///
    /// - Parameter count: the number of steps in all, including those taken before.
    public nonisolated func steps(to count: Int) -> TrainingSteps<Training> {
        TrainingSteps { [self] in try await step(upTo: count) }
    }

    /// The training's remaining steps, as they are pulled, with metrics, checkpoints and sample grids as
    /// ``RunDirectory/train(_:iterations:checkpointEvery:sheetEvery:measurement:stopsOnSignals:progress:saveSheet:)`` saves them. In a cancelled
    /// task a checkpoint of the last whole step is written.
    ///
    /// - Parameters:
    ///   - iterations: the number of steps in all.
    ///   - run: the folder; the run in it is begun, or resumed, before the first step.
    ///   - checkpointEvery: steps between two checkpoints.
    ///   - sheetEvery: steps between two sample grids; nil for none.
    ///   - stopsOnSignals: whether signals are caught, see `StopSignals`.
    ///   - saveSheet: writes the sample grid of the training's step.
    public nonisolated func steps(
        to iterations: Int, in run: RunDirectory, checkpointEvery: Int, sheetEvery: Int? = nil,
        stopsOnSignals: Bool = false, saveSheet: @escaping @Sendable (Training) throws -> Void = { _ in }
    ) -> TrainingSteps<Training> {
        TrainingSteps { [self] in
            try await next {
                TrainingLoop(
                    training: $0, run: run, iterations: iterations, checkpointEvery: checkpointEvery,
                    sheetEvery: sheetEvery, measurement: nil, signals: stopsOnSignals ? StopSignals() : nil,
                    saveSheet: saveSheet)
            }
        }
    }

    private func step(upTo count: Int) throws -> Training.Step? { training.stepCount < count ? try step() : nil }

    private func next(_ makeLoop: @Sendable (Training) -> TrainingLoop<Training>) throws -> Training.Step? {
        if loop == nil {
            try Task.checkCancellation()
            let new = makeLoop(training)
            try new.run.begin(training)
            try new.begin()
            loop = new
        }
        let step = try loop?.next()
        if step == nil { loop = nil }
        return step
    }
}

/// The steps of a training as an asynchronous sequence: each is taken when it is pulled.
public struct TrainingSteps<Training: ResumableTraining>: AsyncSequence, AsyncIteratorProtocol, Sendable {
    let take: @Sendable () async throws -> Training.Step?

    /// The sequence itself.
    public func makeAsyncIterator() -> Self { self }

    /// Takes the next step; nil after the last. Throws what the step throws, `CancellationError`, and what saving throws.
    public mutating func next() async throws -> Training.Step? { try await take() }
}
