import Autograd
import DiffusionModels
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import Distillation

@Suite("Alignment of the fake score")
struct AlignmentTests {
    @Test("A copy is moved towards the student after its update, before its own")
    func copy() throws {
        func run(_ kept: Double?) throws -> Distiller {
            let distiller = try ReferenceRun.distiller(VariationalScoreDistillation()) {
                ($0.fakeScoreWeights, $0.fakeScoreAlignment, $0.fakeScoreLearningRate) = (.copy, kept, 0)
            }
            // The first gradient is zero: both predictions agree until the fake score differs from the teacher.
            for parameter in distiller.student.parameters.all { parameter.value = parameter.value * 1.25 }
            try distiller.step()
            return distiller
        }
        let (plain, aligned) = (try run(nil), try run(0.75))
        for (index, parameter) in aligned.fakeScore.parameters.all.enumerated() {
            let (teacher, student) = (
                plain.fakeScore.parameters.all[index].value, aligned.student.parameters.all[index]
            )
            let difference = parameter.value - (teacher * 0.75 + student.value * 0.25)
            #expect(difference.absolute().maximum() <= 1e-6, "\(parameter.path)")
        }
    }

    @Test("Adapters approach the best approximation of their rank to the student's difference from the teacher")
    func adapters() throws {
        let configuration = ReferenceRun.configuration
        let distiller = try ReferenceRun().distiller(configuration)
        var stream = RandomStream(seed: 5)
        var (total, best) = (0.0, 0.0)
        var layers: [(Parameter, Tensor)] = []
        for parameter in distiller.student.parameters.all
        where parameter.path.hasSuffix("to_q.weight") || parameter.path.hasSuffix("to_v.weight") {
            let (rows, columns) = (parameter.shape[0], parameter.shape[1])
            let (small, large) = (
                stream.normal([rows, 32]).matmul(stream.normal([32, columns])) * 1e-3,
                stream.normal([rows, 4]).matmul(stream.normal([4, columns])) * 1e-2
            )
            let difference = small + large
            parameter.value = parameter.value + difference
            layers.append((parameter, difference))
            let gram = try Matrix(
                difference.matmul(difference, transposingOther: true).scalars.map(Double.init), rows: rows,
                columns: rows)
            let values = try gram.symmetricEigen().values.sorted(by: >)
            total += values.reduce(0, +)
            best += values.prefix(4).reduce(0, +)
        }
        for _ in 0..<300 {
            try distiller.fakeScore.align(
                with: distiller.student.parameters, of: distiller.teacher.parameters, keeping: 0.9)
        }
        let left = try layers.reduce(0.0) { sum, layer in
            let name = layer.0.path.dropLast(".weight".count)
            let up = try #require(distiller.fakeScore.parameters["\(name).lora_B.weight"])
            let down = try #require(distiller.fakeScore.parameters["\(name).lora_A.weight"])
            return sum + (layer.1 - up.value.matmul(down.value) * 1.6875).squaredNorm()
        }
        #expect(!layers.isEmpty)
        // Two directions of nearly the same size separate slowly: what the best matrices of rank 4 leave, and 2 %.
        #expect(left <= 1.02 * (total - best), "\(left) of \(total), at best \(total - best)")
    }

    @Test("A step that fails after the alignment leaves everything as it was")
    func atomic() throws {
        let distiller = try ReferenceRun.distiller(VariationalScoreDistillation()) {
            ($0.fakeScoreWeights, $0.fakeScoreAlignment) = (.copy, 0.9)
        }
        try distiller.step()
        let before = distiller.bits
        var inputs = StepInputs(
            prompts: [0, 1, 2], latents: .ones([3, 8, 8, 4]), timesteps: [100, 200, 300], noise: .ones([3, 8, 8, 4]),
            fakeScore: [
                FakeScoreInputs(
                    timesteps: [1, 2, 3], noise: .ones([3, 8, 8, 4]), dropsPrompts: [false, false, false])
            ])
        inputs.fakeScore[0].noise[0, 0, 0, 0] = .nan
        #expect(throws: (any Error).self) { try distiller.step(with: inputs) }
        #expect(distiller.bits == before)
    }

    @Test("A student of another architecture cannot be aligned with")
    func architecture() throws {
        let reference = try ReferenceRun()
        var configuration = ReferenceRun.configuration
        configuration.fakeScoreAlignment = 0.97
        let parameters = ParameterSet()
        _ = parameters.scope.parameter("other", shape: [1], initializer: .zeros)
        let fakeScore = FakeScore(network: reference.teacher, parameters: parameters)
        #expect(throws: DistillationError.self) {
            try configuration.checkAlignment(
                of: fakeScore, with: reference.teacher.parameters, teacher: reference.teacher.parameters)
        }
        configuration.fakeScoreAlignment = nil
        try configuration.checkAlignment(
            of: fakeScore, with: reference.teacher.parameters, teacher: reference.teacher.parameters)
    }
}
