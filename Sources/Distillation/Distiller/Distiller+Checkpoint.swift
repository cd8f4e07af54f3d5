import Autograd
import Foundation
import Tensor

/// All of a run that is not a tensor.
private struct RunState: Codable {
    var stepCount: Int
    var averageUpdateCount: Int
    var studentOptimizerStepCount: Int
    var fakeScoreOptimizerStepCount: Int
    /// Nil without a discriminator.
    var discriminatorOptimizerStepCount: Int?
    /// The names of what the loss remembers.
    var memory: [String]
    var streams: DistillationStreams
}

extension Distiller {
    private static let stateKey = "distillation_state"

    /// Writes everything that the run needs to go on as if it had never stopped: both networks, the average, both
    /// optimisers, every random stream, the step. The file is there whole or not at all.
    ///
    /// Throws what the file system throws.
    public func saveCheckpoint(to url: URL) throws {
        let state = RunState(
            stepCount: stepCount, averageUpdateCount: average.updateCount,
            studentOptimizerStepCount: studentOptimizer.state.stepCount,
            fakeScoreOptimizerStepCount: fakeScoreOptimizer.state.stepCount,
            discriminatorOptimizerStepCount: discriminatorOptimizer?.state.stepCount, memory: memory.keys.sorted(),
            streams: streams)
        var tensors: [(name: String, tensor: Tensor)] = []
        for (section, parameters) in sections {
            tensors += parameters.all.map { (name: "\(section).\($0.path)", tensor: $0.value) }
        }
        for (section, optimizer) in optimizers {
            tensors += optimizer.state.tensors.sorted { $0.key < $1.key }
                .map { (name: "\(section).\($0.key)", tensor: $0.value) }
        }
        tensors += memory.sorted { $0.key < $1.key }.map { (name: "memory.\($0.key)", tensor: $0.value) }
        let json = String(decoding: try JSONEncoder().encode(state), as: UTF8.self)
        try Safetensors.write(tensors, metadata: [Self.stateKey: json], to: url)
    }

    /// Goes back to where ``saveCheckpoint(to:)`` was called.
    ///
    /// Everything is read before anything is changed. Throws `SafetensorsError`, or ``DistillationError`` when the file is
    /// of another run.
    public func restoreCheckpoint(from url: URL) throws {
        let file = try SafetensorsFile(contentsOf: url)
        guard let json = file.metadata[Self.stateKey],
            let state = try? JSONDecoder().decode(RunState.self, from: Data(json.utf8))
        else {
            throw DistillationError.run(
                path: url.path, expected: "a checkpoint of a distillation", found: "another file")
        }
        func read(_ section: String, _ path: String, like shape: [Int]) throws -> Tensor {
            let tensor = try file.tensor("\(section).\(path)")
            guard tensor.shape == shape else {
                throw DistillationError.run(
                    path: url.path, expected: "\(section).\(path) of shape \(shape)", found: "\(tensor.shape)")
            }
            return tensor
        }
        let values = try sections.map { section, parameters in
            try parameters.all.map { try read(section, $0.path, like: $0.shape) }
        }
        let moments = try optimizers.map { section, optimizer in
            var moments: [String: Tensor] = [:]
            for (name, tensor) in optimizer.state.tensors {
                moments[name] = try read(section, name, like: tensor.shape)
            }
            return moments
        }
        let remembered = try state.memory.map { ($0, try file.tensor("memory.\($0)")) }
        guard (state.discriminatorOptimizerStepCount == nil) == (discriminatorOptimizer == nil) else {
            throw DistillationError.run(
                path: url.path, expected: discriminatorOptimizer == nil ? "no discriminator" : "a discriminator",
                found: "the opposite")
        }
        for ((_, parameters), values) in zip(sections, values) {
            for (parameter, value) in zip(parameters.all, values) { parameter.value = value }
        }
        let counts = [
            state.studentOptimizerStepCount, state.fakeScoreOptimizerStepCount,
            state.discriminatorOptimizerStepCount ?? 0,
        ]
        for (index, (_, optimizer)) in optimizers.enumerated() {
            optimizer.state = OptimizerState(stepCount: counts[index], tensors: moments[index])
        }
        memory = Dictionary(uniqueKeysWithValues: remembered)
        average.updateCount = state.averageUpdateCount
        streams = state.streams
        stepCount = state.stepCount
    }

    private var sections: [(String, ParameterSet)] {
        let sections = [
            ("student", student.parameters), ("average", average.parameters), ("fake_score", fakeScore.parameters),
        ]
        guard discriminatorOptimizer != nil, let discriminator = resources.discriminator else { return sections }
        return sections + [("discriminator", discriminator.parameters)]
    }

    private var optimizers: [(String, Adam)] {
        let optimizers = [("student_optimizer", studentOptimizer), ("fake_score_optimizer", fakeScoreOptimizer)]
        return optimizers + (discriminatorOptimizer.map { [("discriminator_optimizer", $0)] } ?? [])
    }
}
