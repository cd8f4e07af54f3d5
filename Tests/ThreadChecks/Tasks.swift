import Autograd
import DiffusionModels
import Distillation
import Foundation
import SwiftBrushRuntime
import Tensor

/// Tasks that generate from one model, share a server, change copies, cancel, and train in the background, all at once.
func checkTasks(models: URL) async throws {
    let student = try await TextToImageModel(contentsOf: models.appending(path: "emoji-student"))
    let teacher = try await TextToImageModel(contentsOf: models.appending(path: "emoji-teacher"))
    let expected = try await student.picture(for: "a red heart", seed: 3)
    let server = try PictureServer(
        student, limits: ServerLimits(batchSize: 3, waitingRequests: 100, idleTime: .milliseconds(5)))
    var configuration = DistillationConfiguration()
    (configuration.batchSize, configuration.adapterRank) = (1, 2)
    let training = BackgroundTraining(
        try Distiller(teacher: teacher, prompts: ["a red heart"], configuration: configuration))
    try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<3 {
            group.addTask {
                check(
                    try await student.picture(for: "a red heart", seed: 3) == expected, "a shared model's image differs"
                )
            }
        }
        for number in 0..<8 {
            group.addTask {
                let request = Task { try await server.picture(for: "a red heart", seed: 3) }
                if number % 3 == 2 { request.cancel() }
                let picture = try? await request.value
                check(picture == nil ? number % 3 == 2 : picture == expected, "a server's image differs")
            }
        }
        group.addTask {
            var changed = student
            let network = changed.network.copy(trainable: true)
            network.parameters.all.forEach { $0.value = .zeros($0.shape) }
            changed.network = network
            check(try await changed.picture(for: "a red heart", seed: 3) != expected, "a changed copy has no effect")
        }
        group.addTask {
            for try await _ in training.steps(to: 2) {}
            check(await training.stepCount == 2, "a background training skipped a step")
        }
        group.addTask {
            for _ in 0..<3 { _ = await training.withTraining { $0.student.parameters.all.map(\.value) } }
        }
        try await group.waitForAll()
    }
}
