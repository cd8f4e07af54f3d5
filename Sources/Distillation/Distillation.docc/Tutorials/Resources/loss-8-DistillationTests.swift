import DiffusionModels
import Distillation
import Foundation
import MyLoss
import Testing

@Test("A student is distilled with the loss")
func distillation() throws {
    let models = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../swift-brush/Examples/Models")
    let teacher = try TextToImageModel(contentsOf: models.appending(path: "emoji-teacher"))
    var settings = DistillationConfiguration()
    settings.batchSize = 2
    let distiller = try Distiller(
        teacher: teacher, loss: PowerScoreDistillation(), prompts: ["a red heart"], configuration: settings)
    for _ in 0..<3 { #expect(try distiller.step().studentLoss.isFinite) }
}
