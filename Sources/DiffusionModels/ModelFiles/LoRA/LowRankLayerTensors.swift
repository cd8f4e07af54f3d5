import Foundation
import Tensor

/// The names of a layer's tensors in a file.
struct LowRankLayerTensors {
    var names: [LowRankKey.Role: String] = [:]
    /// The layer's dotted path, nil if the file's layout does not keep it.
    var path: String?

    fileprivate static let largestProduct = 1 << 26

    mutating func add(_ name: String, _ parsed: LowRankKey.Name, path file: String) throws {
        if let other = names.updateValue(name, forKey: parsed.role) {
            throw ModelError.unreadableFile(
                path: file, reason: "\"\(other)\" and \"\(name)\" are the same matrix of one layer")
        }
        path = path ?? parsed.path
    }

    /// Reads the layer. Throws ``ModelError``.
    func read(
        _ key: LowRankKey, from file: SafetensorsFile, _ scaling: LowRankScaling?
    ) throws -> LowRankWeights.Layer {
        let reader = Reader(names: names, file: file, key: key)
        let form = try reader.form()
        let magnitude = try reader.magnitude(outputs: form.shape[0])
        let scale = try self.scale(key, form, hasMagnitude: magnitude != nil, from: file, scaling)
        return LowRankWeights.Layer(
            flatPath: key.flatPath, part: key.part, form: form, magnitude: magnitude, scale: scale)
    }

    private func scale(
        _ key: LowRankKey, _ form: LowRankForm, hasMagnitude: Bool, from file: SafetensorsFile,
        _ scaling: LowRankScaling?
    ) throws -> Float {
        // LyCORIS stores an alpha without meaning beside whole matrices.
        if let name = names[.alpha] {
            let alpha = try file.number(name)
            return form.rank.map { Float(alpha / Double($0)) } ?? 1
        }
        let path = path ?? key.flatPath
        let prefix = "text_model."
        let other = path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : prefix + path
        return try scaling?.scale(
            of: key.part == .unet ? [path] : [path, other], form, hasMagnitude: hasMagnitude) ?? 1
    }
}

extension LowRankLayerTensors {
    /// Reads and checks a layer's tensors.
    private struct Reader {
        let names: [LowRankKey.Role: String]
        let file: SafetensorsFile
        let key: LowRankKey

        func invalid(_ reason: String) -> ModelError {
            .unreadableFile(path: file.path, reason: "\"\(key.flatPath)\": \(reason)")
        }

        func tensor(_ role: LowRankKey.Role, ranks: [Int] = [2, 4]) throws -> Tensor? {
            guard let name = names[role] else { return nil }
            let tensor = try file.tensor(name)
            guard ranks.contains(tensor.rank), tensor.count > 0 else {
                throw ModelError.unreadableFile(
                    path: file.path,
                    reason: "\"\(name)\": expected a matrix or kernel of at least one number, found \(tensor.shape)")
            }
            let broken = tensor.nonFiniteCount()
            guard broken == 0 else {
                let type = file.info(name)?.scalarType ?? .float32
                throw ModelError.nonFiniteWeights(
                    path: file.path,
                    tensors: [.init(name: name, scalarType: type, shape: tensor.shape, count: broken)])
            }
            return tensor
        }

        /// The change.
        func form() throws -> LowRankForm {
            let found = Set(names.keys).subtracting([.alpha, .magnitude, .doraScale])
            func roles(_ prefix: String) -> Set<LowRankKey.Role> { found.filter { $0.rawValue.hasPrefix(prefix) } }
            let (hadamard, kronecker) = (roles("hada_"), roles("lokr_"))
            if !hadamard.isEmpty {
                try checkRoles(found, hadamard)
                let first = try factor(nil, up: .hada1Up, down: .hada1Down, core: .hada1Core)
                let second = try factor(nil, up: .hada2Up, down: .hada2Down, core: .hada2Core)
                guard first.shape == second.shape else {
                    throw invalid("expected two products of one shape, found \(first.shape) and \(second.shape)")
                }
                return .hadamard(first, second)
            }
            if !kronecker.isEmpty {
                try checkRoles(found, kronecker)
                let first = try factor(.lokr1, up: .lokr1Up, down: .lokr1Down, core: nil)
                guard first.shape.count == 2 else {
                    throw invalid("expected a matrix as the first factor, found \(first.shape)")
                }
                return .kronecker(first, try factor(.lokr2, up: .lokr2Up, down: .lokr2Down, core: .lokr2Core))
            }
            if let difference = try tensor(.difference, ranks: [1, 2, 4]) {
                try checkRoles(found, [.difference])
                return .difference(difference)
            }
            let (up, down) = try product()
            return .product(up: up, down: down)
        }

        /// Throws unless all tensors of the layer belong to one kind of change.
        private func checkRoles(_ found: Set<LowRankKey.Role>, _ used: Set<LowRankKey.Role>) throws {
            let others = found.subtracting(used).compactMap { names[$0] }.sorted()
            guard others.isEmpty else {
                throw invalid("expected one kind of change, found also \(others.joined(separator: ", "))")
            }
        }

        /// A matrix that is stored whole, as a product, or as a product with a kernel in the middle.
        private func factor(
            _ whole: LowRankKey.Role?, up: LowRankKey.Role, down: LowRankKey.Role, core: LowRankKey.Role?
        ) throws -> LowRankFactor {
            if let whole, let tensor = try tensor(whole) { return .whole(tensor) }
            guard let up = try tensor(up, ranks: [2]), let down = try tensor(down, ranks: [2]) else {
                let expected = [whole, up, down].compactMap { $0?.rawValue }.joined(separator: ", ")
                throw invalid("it has only some of its matrices \(expected), found \(names.values.sorted())")
            }
            let core = try core.flatMap { try tensor($0, ranks: [4]) }
            let inner = core.map { Array($0.shape.prefix(2)) } ?? [up.shape[1], down.shape[0]]
            let isOneRank = core == nil ? inner[0] == inner[1] : inner == [up.shape[0], down.shape[0]]
            guard isOneRank else {
                let shapes = [up.shape] + (core.map { [$0.shape] } ?? []) + [down.shape]
                throw invalid("expected matrices of one rank that multiply, found \(shapes)")
            }
            guard let core else { return .product(up: up, down: down) }
            try checkProduct(core.count / core.shape[1], down.shape[1], with: "its kernel")
            return .core(core, up: up, down: down)
        }

        /// A LoRA's two matrices; `lora_mid` is multiplied into the first.
        private func product() throws -> (up: Tensor, down: Tensor) {
            guard var down = try tensor(.down), let up = try tensor(.up) else {
                throw invalid("it has only one of its two matrices, found \(names.values.sorted())")
            }
            let middle = try tensor(.middle)
            let inner = middle?.shape ?? [down.shape[0], down.shape[0]] + Array(repeating: 1, count: down.rank - 2)
            guard down.rank == up.rank, inner.count == down.rank, inner[1] == down.shape[0], up.shape[1] == inner[0],
                up.shape.dropFirst(2).allSatisfy({ $0 == 1 }),
                middle == nil || down.shape.dropFirst(2).allSatisfy({ $0 == 1 })
            else {
                let shapes = [down.shape] + (middle.map { [$0.shape] } ?? []) + [up.shape]
                throw invalid("expected matrices of one rank that multiply, found \(shapes)")
            }
            if let middle {
                try checkProduct(middle.count / middle.shape[1], down.shape[1], with: "lora_mid")
                down = middle.composed(with: down)
            }
            return (up, down)
        }

        /// Throws for a product that a hostile file makes far larger than its factors; the largest layers have 12 million numbers.
        private func checkProduct(_ rows: Int, _ columns: Int, with name: String) throws {
            let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
            guard !overflow, count <= LowRankLayerTensors.largestProduct else {
                throw invalid(
                    "expected a product with \(name) of at most \(LowRankLayerTensors.largestProduct) numbers, found \([rows, columns])"
                )
            }
        }

        /// DoRA's norms, nil for a layer without.
        func magnitude(outputs: Int) throws -> LowRankMagnitude? {
            guard let role = [LowRankKey.Role.magnitude, .doraScale].first(where: { names[$0] != nil }),
                let tensor = try tensor(role, ranks: [1, 2, 4])
            else { return nil }
            guard let magnitude = LowRankMagnitude(tensor, isPEFT: role == .magnitude, outputs: outputs) else {
                throw invalid("expected one norm per output or input in \(role.rawValue), found \(tensor.shape)")
            }
            return magnitude
        }
    }
}

extension SafetensorsFile {
    /// The value of a one-element tensor of any type. Throws ``ModelError`` unless there is exactly one value and it is finite.
    fileprivate func number(_ name: String) throws -> Double {
        let isFloat = info(name)?.scalarType.isFloatingPoint ?? true
        let count = info(name)?.shape.reduce(1) { min($0, 2) * min($1, 2) } ?? 1
        guard count == 1 else {
            throw ModelError.unreadableFile(
                path: path, reason: "\"\(name)\": expected one number, found shape \(info(name)?.shape ?? [])")
        }
        let number = try isFloat ? Double(tensor(name).item) : Double(integers(name)[0])
        guard number.isFinite else {
            throw ModelError.unreadableFile(
                path: path, reason: "\"\(name)\": expected a finite number, found \(number)")
        }
        return number
    }
}
