import Autograd
import DiffusionModels
import Foundation
import Tensor

/// A checkpoint from which a training resumes bit for bit: parameters and moments under the names of their sections, and a state
/// that is not a tensor.
package struct RunCheckpoint {
    private static let stateKey = "state"
    private static let stepsKey = "optimizer_steps"

    private let parameters: [(section: String, parameters: ParameterSet)]
    private let optimizers: [(section: String, optimizer: Adam)]
    private let shared: [SharedOptimizers]

    /// A checkpoint of these sections, whose names must differ, of optimisers that processes share.
    package init(
        _ parameters: [(section: String, parameters: ParameterSet)], optimizers: [(section: String, optimizer: Adam)],
        in shared: [SharedOptimizers]
    ) {
        (self.parameters, self.optimizers, self.shared) = (parameters, optimizers, shared)
    }

    /// The size in bytes of the parameters and the optimisers' moments.
    package var byteCount: Int {
        let numbers =
            parameters.reduce(0) { $0 + $1.parameters.scalarCount }
            + optimizers.reduce(0) { $0 + $1.optimizer.momentCount }
        return numbers * MemoryLayout<Float>.stride
    }

    /// Writes the file atomically. If processes divide an optimiser, all call it, and the one with rank 0 writes the file, tensor by tensor
    /// as the others send it. Throws what the file system throws.
    package func write(_ state: some Encodable, memory: [String: Tensor] = [:], to url: URL) throws {
        var tensors = parameters.flatMap { section, parameters in
            parameters.all.map { parameter in
                Safetensors.LaterTensor(name: "\(section).\(parameter.path)", shape: parameter.shape) {
                    try whole(parameter)
                }
            }
        }
        var steps: [String: Int] = [:]
        for (section, optimizer) in optimizers {
            steps[section] = optimizer.stepCount
            tensors += moments(of: optimizer, section)
        }
        if shared.contains(where: { $0.isSharded && $0.group.rank > 0 }) {
            for tensor in tensors { _ = try tensor.compute() }
            return
        }
        tensors += memory.sorted { $0.key < $1.key }.map { name, tensor in
            Safetensors.LaterTensor(name: "memory.\(name)", shape: tensor.shape) { tensor }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        func json(_ value: some Encodable) throws -> String {
            String(decoding: try encoder.encode(value), as: UTF8.self)
        }
        try Safetensors.write(
            tensors, metadata: [Self.stateKey: try json(state), Self.stepsKey: try json(steps)], isChecksummed: true,
            to: url)
    }

    /// All elements of a parameter, which may be an average that processes divide.
    private func whole(_ parameter: Parameter) throws -> Tensor {
        for shared in shared {
            guard let owner = shared.owner(ofAverage: parameter) else { continue }
            return try shared.whole(parameter.value, of: owner.optimizer, at: owner.index)
        }
        return parameter.value
    }

    /// The moments of an optimiser, in the order of their names.
    private func moments(of optimizer: Adam, _ section: String) -> [Safetensors.LaterTensor] {
        let shared = shared.first { $0.contains(optimizer) }
        var names: [(key: String, name: String, index: Int)] = []
        for name in ["first", "second"] {
            for (i, parameter) in optimizer.parameters.enumerated() {
                names.append(("\(name).\(parameter.path)", name, i))
            }
        }
        names.sort { $0.key < $1.key }
        return names.map { key, name, i in
            Safetensors.LaterTensor(name: "\(section).\(key)", shape: optimizer.parameters[i].shape) {
                let own = optimizer.moment(name, of: i)
                return try shared?.whole(own, of: optimizer, at: i) ?? own
            }
        }
    }

    /// Reads everything before it changes parameters and optimisers.
    ///
    /// - Parameters:
    ///   - type: the type of the state that is not a tensor.
    ///   - url: the file.
    ///   - check: whether the state can be one of this run.
    ///
    /// Throws `SafetensorsError` for a corrupted file, which its checksum detects, or ``RunError`` for one of another run.
    package func restore<State: Decodable>(
        _ type: State.Type = State.self, from url: URL, checking check: (State) -> Bool = { _ in true }
    ) throws -> (state: State, memory: [String: Tensor]) {
        let file = try SafetensorsFile(contentsOf: url)
        if try !file.verifyChecksum() {
            StandardError.write(line: "\(url.path): written by an earlier version, without a checksum; not verified")
        }
        func decode<Value: Decodable>(_ key: String) throws -> Value {
            guard let json = file.metadata[key],
                let value = try? JSONDecoder().decode(Value.self, from: Data(json.utf8))
            else {
                throw RunError.unsuitable(path: url.path, expected: "a checkpoint of this run", found: "another file")
            }
            return value
        }
        func read(_ section: String, _ path: String, like shape: [Int]) throws -> Tensor {
            let tensor = try file.tensor("\(section).\(path)")
            guard tensor.shape == shape else {
                throw RunError.unsuitable(
                    path: url.path, expected: "\(section).\(path) of shape \(shape)", found: "\(tensor.shape)")
            }
            return tensor
        }
        let state: State = try decode(Self.stateKey)
        guard check(state) else {
            throw RunError.unsuitable(
                path: url.path, expected: "the state of this run", found: "one that does not fit it")
        }
        let steps: [String: Int] = try decode(Self.stepsKey)
        guard Set(steps.keys) == Set(optimizers.map(\.section)) else {
            throw RunError.unsuitable(
                path: url.path, expected: "the optimisers \(optimizers.map(\.section).sorted())",
                found: "\(steps.keys.sorted())")
        }
        let values = try parameters.map { section, parameters in
            try parameters.all.map { try read(section, $0.path, like: $0.shape) }
        }
        let states = try optimizers.map { section, optimizer in
            var moments: [String: Tensor] = [:]
            for parameter in optimizer.parameters {
                for name in ["first.\(parameter.path)", "second.\(parameter.path)"] {
                    moments[name] = try read(section, name, like: parameter.shape)
                }
            }
            return OptimizerState(stepCount: steps[section] ?? 0, tensors: moments)
        }
        var memory: [String: Tensor] = [:]
        for name in file.names where name.hasPrefix("memory.") {
            memory[String(name.dropFirst("memory.".count))] = try file.tensor(name)
        }
        for ((_, parameters), values) in zip(parameters, values) {
            for (parameter, value) in zip(parameters.all, values) { parameter.value = value }
        }
        for ((_, optimizer), state) in zip(optimizers, states) { optimizer.state = state }
        return (state, memory)
    }
}
