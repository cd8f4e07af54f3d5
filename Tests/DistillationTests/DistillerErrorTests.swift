import Autograd
import DiffusionModels
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import Distillation
@testable import SwiftBrushRuntime

@Suite("Distiller errors")
struct DistillerErrorTests {
    @Test(
        "A value that is not finite stops the run, with the step and the tensor's name, before it reaches the weights")
    func nonFinite() throws {
        let run = try ReferenceRun()
        let distiller = try run.distiller()
        try distiller.step()
        var inputs = try run.inputs(0)
        inputs.noise[0, 0, 0, 0] = .nan
        let before = distiller.student.parameters.all.map(\.value.scalars)
        do {
            try distiller.step(with: inputs)
            Issue.record("no error")
        } catch RunError.nonFinite(let step, let tensor, let count) {
            #expect(step == 2)
            #expect(tensor == "the teacher's epsilon")
            #expect(count > 0)
        }
        #expect(distiller.student.parameters.all.map(\.value.scalars) == before)
        #expect(distiller.stepCount == 1)
    }

    @Test(
        "A step that throws leaves weights, averages, optimisers, streams and memory as they were",
        arguments: [(updates: 1, usesNewSamples: false), (1, true), (3, false), (3, true)])
    func atomicity(updates: Int, usesNewSamples: Bool) throws {
        func bits(_ distiller: Distiller) -> [[UInt32]] {
            let parameters = [
                distiller.student.parameters, distiller.average.parameters, distiller.fakeScore.parameters,
            ]
            let moments = distiller.optimizers.flatMap { $0.state.tensors.sorted { $0.key < $1.key }.map(\.value) }
            let memory = distiller.memory.sorted { $0.key < $1.key }.map(\.value)
            return (parameters.flatMap { $0.all.map(\.value) } + moments + memory).map { $0.scalars.map(\.bitPattern) }
        }
        func counts(_ distiller: Distiller) -> [Int] {
            [distiller.stepCount, distiller.average.updateCount] + distiller.optimizers.map(\.state.stepCount)
        }
        let run = try ReferenceRun()
        var configuration = ReferenceRun.configuration
        configuration.fakeScoreTraining.updatesPerStudentUpdate = updates
        configuration.fakeScoreTraining.usesNewSamples = usesNewSamples
        let (disturbed, undisturbed) = (try run.distiller(configuration), try run.distiller(configuration))
        try disturbed.step()
        try undisturbed.step()
        let (before, streams, numbers) = (bits(disturbed), disturbed.streams, counts(disturbed))
        var inputs = try run.inputs(0)
        if usesNewSamples { inputs.fakeScore[0].newSamples = .init(prompts: inputs.prompts, latents: inputs.latents) }
        inputs.fakeScore = Array(repeating: inputs.fakeScore[0], count: updates)
        inputs.fakeScore[updates - 1].noise[0, 0, 0, 0] = .nan
        #expect(throws: RunError.self) { try disturbed.step(with: inputs) }
        #expect(bits(disturbed) == before)
        #expect(counts(disturbed) == numbers)
        #expect(disturbed.streams == streams)
        #expect(disturbed.student.parameters.all.allSatisfy { $0.gradient == nil })
        #expect(try disturbed.step().studentLoss == undisturbed.step().studentLoss)
        #expect(bits(disturbed) == bits(undisturbed) && counts(disturbed) == counts(undisturbed))
    }

    /// A loss whose gradient has one channel, or which throws.
    private struct DefectiveLoss: DistillationLoss {
        struct Failure: Error {}

        static let name = "defective"
        var isThrowing: Bool
        var timesteps = 20..<981
        var needs: LossNeeds { .teacher }

        func gradient(_ input: LossInput) throws -> LossGradient {
            if isThrowing { throw Failure() }
            return LossGradient(input.noisy.sliced(axis: 3, 0..<1))
        }
    }

    @Test("A loss that throws, or whose gradient has another shape than x0, ends the step and changes nothing")
    func defectiveLosses() throws {
        for isThrowing in [false, true] {
            let distiller = try ReferenceRun().distiller(loss: DefectiveLoss(isThrowing: isThrowing))
            let (before, streams) = (distiller.student.parameters.all.map(\.value.scalars), distiller.streams)
            do {
                try distiller.step()
                Issue.record("no error")
            } catch let error as LossGradientError {
                let shape = error.expected
                #expect(!isThrowing && error.found == shape.dropLast() + [1])
                #expect("\(error)".hasPrefix("gradient of defective: expected shape \(shape)"))
            } catch {
                #expect(isThrowing && error is DefectiveLoss.Failure)
            }
            #expect(distiller.student.parameters.all.map(\.value.scalars) == before)
            #expect(distiller.stepCount == 0 && distiller.streams == streams)
        }
    }

    @Test("A student from weights in 8-bit integers is refused before anything is computed; a teacher may have them")
    func quantizedStudent() throws {
        let url = Fixtures.package.appending(path: "Examples/Models/emoji-teacher")
        let teacher = try TextToImageModel(contentsOf: url, weights: .int8)
        let error = #expect(throws: AutogradError.self) { try Distiller(teacher: teacher, prompts: ["a red heart"]) }
        #expect(
            error?.description == """
                Distiller: conv_in.weight: expected a weight in Float32, Float16 or BFloat16, as of a model loaded with weights: .float32, \
                found 8-bit integers (I8)
                """)
        let start = try TextToImageModel(contentsOf: url)
        var configuration = DistillationConfiguration()
        configuration.batchSize = 1
        let distiller = try Distiller(
            teacher: teacher, startingFrom: start, prompts: ["a red heart"], configuration: configuration)
        #expect(try distiller.step().studentLoss.isFinite)
        #expect(distiller.teacher.parameters["conv_in.weight"]?.value.scalarType == .int8)
    }

    @Test(
        "A finite gradient whose update overflows changes neither the student, nor the fake score, nor the discriminator",
        arguments: [("student", 1), ("fake_score", 1), ("discriminator", 1), ("fake_score", 3), ("discriminator", 3)])
    func overflowingUpdate(network: String, updates: Int) throws {
        let run = try ReferenceRun()
        var configuration = ReferenceRun.configuration
        configuration.studentLearningRate = 1e-2
        configuration.fakeScoreTraining.updatesPerStudentUpdate = updates
        let distiller = try run.distiller(configuration, loss: DMD2(), prompts: 5) { fakeScore in
            var (resources, stream) = (DistillationResources(), RandomStream(seed: 2))
            if let features = fakeScore.network.features {
                resources.discriminator = BottleneckDiscriminator(on: features, using: &stream)
            }
            resources.realLatents = try RealLatents(latents: stream.normal([2, 8, 8, 4]), prompts: [0, 1])
            return resources
        }
        try distiller.step()
        let optimizer = try #require(
            ["student": distiller.studentOptimizer, "fake_score": distiller.fakeScoreOptimizer][network]
                ?? distiller.discriminatorOptimizer)
        let name = try #require(optimizer.state.tensors.keys.sorted().first { $0.hasPrefix("first.") })
        let shape = try #require(optimizer.state.tensors[name]?.shape)
        // A finite first moment that is large beside a second moment of 0: the next update is infinite.
        optimizer.state.tensors[name] = Tensor(repeating: 3e38, shape: shape)
        optimizer.state.tensors[name.replacing("first.", with: "second.")] = .zeros(shape)
        func bits() -> [[UInt32]] {
            let sets = [distiller.student.parameters, distiller.average.parameters, distiller.fakeScore.parameters]
            let parameters = sets.flatMap(\.all) + (distiller.resources.discriminator?.parameters.all ?? [])
            let moments = distiller.optimizers.flatMap { $0.state.tensors.sorted { $0.key < $1.key }.map(\.value) }
            return (parameters.map(\.value) + moments).map { $0.scalars.map(\.bitPattern) }
        }
        let counts = [distiller.stepCount, distiller.average.updateCount] + distiller.optimizers.map(\.state.stepCount)
        let (before, streams) = (bits(), distiller.streams)
        do {
            try distiller.step()
            Issue.record("no error")
        } catch RunError.nonFinite(let step, let tensor, let count) {
            #expect(step == 2 && count > 0)
            #expect(tensor == "the \(network.replacing("_", with: " ")) after the update")
        }
        #expect(bits() == before)
        #expect(
            [distiller.stepCount, distiller.average.updateCount] + distiller.optimizers.map(\.state.stepCount) == counts
        )
        #expect(distiller.streams == streams)
    }

    @Test("MemoryEstimate counts weights, gradients, moments and average before a run starts")
    func memory() throws {
        let distiller = try ReferenceRun().distiller()
        let estimate = distiller.memoryEstimate
        let (student, fake) = (distiller.student.parameters.scalarCount, distiller.fakeScore.parameters.scalarCount)
        // The teacher is stored as in the fixture's file; the student has weights, gradients, two moments and the average.
        let stored = distiller.teacher.parameters.all[0].value.scalarType.byteCount
        #expect(estimate.teacher == stored * distiller.teacher.parameters.scalarCount)
        #expect(estimate.student == 20 * student)
        #expect(estimate.fakeScore == 16 * fake)
        #expect(estimate.description.hasPrefix("memory: \((estimate.total + (1 << 19)) >> 20) MiB (teacher "))
    }

    @Test("TimeEstimate counts the forward passes of a step before a run starts")
    func time() throws {
        let run = try ReferenceRun()
        // Student forward and backward: 4; teacher and fake score, with and without prompt: 4; adapters: 3.
        let plain = try run.distiller().estimateTime()
        #expect(plain.passes == 11)
        #expect(plain.secondsOfPass > 0)
        #expect(plain.seconds == 11 * plain.secondsOfPass)
        var configuration = ReferenceRun.configuration
        configuration.recomputesBlocks = true
        configuration.fakeScoreTraining.updatesPerStudentUpdate = 2
        configuration.fakeScoreTraining.usesNewSamples = true
        #expect(try run.distiller(configuration).estimateTime().passes == 5 + 4 + 2 * 4)
        #expect("\(TimeEstimate(passes: 9, secondsOfPass: 0.5))".hasPrefix("time: about 4.5 s per step (the work of 9"))
    }

    @Test("Settings out of range are reported by name")
    func settings() throws {
        let changes: [(String, (inout DistillationConfiguration) -> Void)] = [
            ("batchSize", { $0.batchSize = 0 }),
            ("batchSize", { $0.batchSize = 100_000_000 }),
            ("adapterRank", { $0.adapterRank = 1_000_000 }),
            ("adapterAlpha", { $0.adapterAlpha = .nan }),
            ("weightDecay", { $0.weightDecay = 1e300 }),
            ("fakeScoreWarmUpSteps", { $0.fakeScoreWarmUpSteps = .max }),
            ("updatesPerStudentUpdate", { $0.fakeScoreTraining.updatesPerStudentUpdate = .max }),
            ("studentLearningRate", { $0.studentLearningRate = -1 }),
            ("fakeScoreLearningRate", { $0.fakeScoreLearningRate = .nan }),
            ("gradientNormLimit", { $0.gradientNormLimit = 0 }),
            ("studentTimestep", { $0.studentTimestep = 1000 }),
            ("studentCumulativeAlpha", { $0.studentCumulativeAlpha = 0 }),
            ("averageDecay", { $0.averageDecay = 1.5 }),
            ("adamEpsilon", { $0.adamEpsilon = 0 }),
            ("firstMomentDecay", { $0.firstMomentDecay = 1 }),
            ("learningRateSchedule.warmUp", { $0.learningRateSchedule = .constant(warmUp: -1) }),
            ("fakeScoreTraining.guidanceScale", { $0.fakeScoreTraining.guidanceScale = 1e300 }),
            ("nullPromptRate", { $0.fakeScoreTraining.nullPromptRate = 2 }),
            ("fakeScoreTraining.timesteps", { $0.fakeScoreTraining.timesteps = 0..<1001 }),
        ]
        let run = try ReferenceRun()
        for (name, change) in changes {
            var configuration = ReferenceRun.configuration
            change(&configuration)
            do {
                _ = try run.distiller(configuration)
                Issue.record("no error for \(name)")
            } catch DistillationError.invalidSetting(let found, _, _) {
                #expect(found == name)
            }
        }
        var loss = VariationalScoreDistillation()
        loss.timesteps = 20..<20
        #expect(throws: DistillationError.self) { try run.distiller(loss: loss) }
        let guided = VariationalScoreDistillation(guidanceScale: 1e300)
        #expect(throws: DistillationError.self) { try run.distiller(loss: guided) }
    }

    @Test("Losses do not declare unconditional predictions at guidance scale 1, nor a fake score if they use none")
    func needs() {
        var loss = VariationalScoreDistillation()
        #expect(loss.needs == [.teacher, .unconditionalTeacher, .fakeScore, .unconditionalFakeScore])
        loss.fakeScoreGuidanceScale = 1
        #expect(loss.needs == [.teacher, .unconditionalTeacher, .fakeScore])
        #expect(ScoreDistillationSampling().needs == [.teacher, .unconditionalTeacher])
    }
}
