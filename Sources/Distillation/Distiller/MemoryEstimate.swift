import Autograd

/// The bytes that a distillation holds from its first step to its last; what a step needs in between comes on top.
public struct MemoryEstimate: Sendable, Equatable, CustomStringConvertible {
    /// The teacher's weights as they are stored: in the file's map, while nothing writes to them.
    public let teacher: Int
    /// The student's weights, their gradients, both moments of Adam, and the moving average.
    public let student: Int
    /// What is trained of the fake score: weights, gradients and both moments.
    public let fakeScore: Int

    /// All of it.
    public var total: Int { teacher + student + fakeScore }

    /// One line, in mebibytes.
    public var description: String {
        func mebibytes(_ bytes: Int) -> String { "\((bytes + (1 << 19)) >> 20) MiB" }
        return
            "memory: \(mebibytes(total)) (teacher \(mebibytes(teacher)), student with gradients, moments and average "
            + "\(mebibytes(student)), fake score \(mebibytes(fakeScore))), and each step's intermediates"
    }
}

extension Distiller {
    /// What this distillation holds throughout.
    public var memoryEstimate: MemoryEstimate {
        let number = MemoryLayout<Float>.stride
        return MemoryEstimate(
            teacher: teacher.parameters.storedByteCount,
            student: 5 * number * student.parameters.scalarCount,
            fakeScore: 4 * number * fakeScore.parameters.scalarCount)
    }
}
